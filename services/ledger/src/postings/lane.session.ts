import pg from 'pg';
import { counter } from '#libs/observability';
import { isConnectionLoss, pgTypes } from '#libs/postgres';
import { compositeArray } from './composite.js';
import { termsRow } from './contract-terms.js';
import type { ContractTerms } from './contract-terms.js';
import type { CompositeType, Layers } from './composite.js';
import { LostConnection, NoConnection } from './item.js';
import type { BatchKind, BatchRunner, Item, OutcomeRow } from './item.js';

/** The function of each kind of batch, and the type of its items; null if an item consists of its wallet alone. */
const CALLS: Record<BatchKind, { readonly name: string; readonly item: ItemType | null }> = {
  accrue: { name: 'ledger_accrue_v1', item: 'ledger_accrual_item' },
  reverse: { name: 'ledger_reverse_v1', item: 'ledger_reversal_item' },
  authorize: { name: 'ledger_authorize_v1', item: 'ledger_authorization_item' },
  capture: { name: 'ledger_capture_v1', item: 'ledger_hold_item' },
  void: { name: 'ledger_void_v1', item: 'ledger_hold_item' },
  return: { name: 'ledger_return_redemption_v1', item: 'ledger_redemption_return_item' },
  deliver: { name: 'ledger_deliver_v1', item: 'ledger_delivery_item' },
  take: { name: 'ledger_take_v1', item: 'ledger_taking_item' },
  transfer: { name: 'ledger_transfer_v1', item: 'ledger_transfer_item' },
  settle: { name: 'ledger_settle_v1', item: null },
};

const ITEM_TYPES = [
  'ledger_accrual_item',
  'ledger_lot_item',
  'ledger_reversal_item',
  'ledger_authorization_item',
  'ledger_hold_item',
  'ledger_redemption_return_item',
  'ledger_delivery_item',
  'ledger_taking_item',
  'ledger_transfer_item',
  'ledger_expiration_item',
] as const;
type ItemType = (typeof ITEM_TYPES)[number];

const CONNECT_MS = 3_000;
const STATEMENT_MS = 10_000;
/** First time limit of a batch in a lane of many wallets. A batch that exceeds it is repeated without the items of large wallets. */
export const HASTY_MS = 1_000;
/** How long a batch waits for a lock before it is repeated without the locked wallet. */
const LOCK_MS = 500;
/** Time beyond the server's own limit after which the connection counts as dead and the outcome as unknown. */
const SILENCE_MS = 5_000;

/**
 * Planner settings for the posting functions. Generic plans are kept, because planning such a statement costs more than running it.
 * The other settings prevent a plan made while tables were small from scanning them after they have grown: together with sub-queries
 * fixed by "offset 0", they make every row be found through its key.
 */
const PLANNING = ['jit', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_material']
  .map((setting) => `-c ${setting}=off`)
  .concat('-c plan_cache_mode=force_generic_plan')
  .join(' ');

/**
 * Whether an accrual has at most one lot, not pending, without place limits and without an expected version: a shorter statement
 * handles batches of these.
 */
function isPlain({ own, lots }: Item): boolean {
  return (
    lots.length === 0 &&
    own['pending'] === 0 &&
    own['other_spendable'] === 0 &&
    own['limited'] === false &&
    own['expected_version'] === undefined
  );
}

/** Numbers of statements after which a connection makes its plans anew: they may date from when the tables were nearly empty. */
const REPLAN_AFTER = new Set([10, 100, 1_000, 10_000]);

/** Postings written, without replays. */
export const posted = counter('hezong_ledger_postings_total', 'Postings written, by kind of operation.', ['kind']);

/** A dedicated connection, opened on demand and reopened after it was lost. */
export class LaneSession implements BatchRunner {
  private client: pg.Client | null = null;
  private types: ReadonlyMap<string, CompositeType> = new Map();
  private statements = 0;
  /** Brands whose accounts are known to exist, and terms known to be stored. */
  private readonly brands = new Set<string>();
  private readonly terms = new Set<bigint>();

  constructor(
    private readonly databaseUrl: string,
    private readonly name: string,
    private readonly statementMs = STATEMENT_MS,
  ) {}

  async run(kind: BatchKind, items: readonly Item[], patient = false): Promise<readonly OutcomeRow[]> {
    if (!patient || this.statementMs >= STATEMENT_MS) return this.runWithin(kind, items);
    try {
      await this.limit(STATEMENT_MS);
    } catch (error) {
      // nothing of the batch was sent
      throw error instanceof LostConnection ? new NoConnection(error.message, { cause: error }) : error;
    }
    try {
      return await this.runWithin(kind, items);
    } finally {
      // on a lost connection there is nothing to reset; the outcome of the batch is already known
      if (this.client !== null) await this.limit(this.statementMs).catch(() => this.close());
    }
  }

  private async runWithin(kind: BatchKind, items: readonly Item[]): Promise<readonly OutcomeRow[]> {
    let now = 0;
    for (const item of items) now = Math.max(now, item.postedAt.getTime());
    await this.open(items);
    const { name, item: itemType } = CALLS[kind];
    const numbers = items.map((_, n) => ({ n }));
    const wallets = [...items.map((item) => item.walletId), ...items.flatMap((item) => item.otherWalletId ?? [])];
    const values: unknown[] = [new Date(now), wallets];
    if (itemType !== null) {
      const rows = items.map((item, n) => [numbers[n] ?? {}, item.common, item.own]);
      values.push(await this.composites(itemType, rows));
    }
    if (kind === 'accrue') {
      const lots = items.flatMap((item, n) => item.lots.map((lot) => [numbers[n] ?? {}, lot]));
      values.push(await this.composites('ledger_lot_item', lots), items.every(isPlain));
    }
    const places = values.map((_, n) => `$${n + 1}`).join(', ');
    const send = (): Promise<OutcomeRow[]> =>
      this.query<OutcomeRow>(`ledger-${kind}`, `select * from ${name}(${places})`, values);
    const traces = Object.fromEntries(
      items.flatMap((item) => (item.trace == null ? [] : [[item.walletId, item.trace]])),
    );
    const rows = Object.keys(traces).length === 0 ? await send() : await this.traced(JSON.stringify(traces), send);
    posted.inc({ kind }, rows.filter((row) => row.posting_id !== null && !row.replayed).length);
    return rows;
  }

  async locked(wallets: readonly string[]): Promise<readonly string[]> {
    const call = 'select ledger_locked_v1($1) as wallets';
    const [row] = await this.query<{ wallets: string[] }>('ledger-locked', call, [wallets]);
    return row?.wallets ?? [];
  }

  async large(wallets: readonly string[]): Promise<readonly string[]> {
    const call = 'select ledger_large_v1($1) as wallets';
    const [row] = await this.query<{ wallets: string[] }>('ledger-large', call, [wallets]);
    return row?.wallets ?? [];
  }

  private async limit(ms: number): Promise<void> {
    await this.query('ledger-limit', `select set_config('statement_timeout', $1, false)`, [String(ms)]);
  }

  /**
   * Opens accounts of new brands and stores new terms, each in its own transaction, so that none of its locks lasts while a batch
   * runs.
   */
  private async open(items: readonly Item[]): Promise<void> {
    if (this.client === null) await this.connect();
    const fresh = new Set<string>();
    const terms = new Map<bigint, ContractTerms>();
    for (const { common, own, lots } of items) {
      for (const brand of [common['brand'], own['issuer'], ...lots.map((lot) => lot['issuer'])]) {
        if (typeof brand === 'string' && !this.brands.has(brand)) fresh.add(brand);
      }
    }
    for (const agreed of items.flatMap((item) => item.terms)) {
      if (!this.terms.has(agreed.id)) terms.set(agreed.id, agreed);
    }
    try {
      if (fresh.size > 0) await this.query('ledger-open-brands', 'select ledger_open_brands_v1($1)', [[...fresh]]);
      if (terms.size > 0) {
        const rows = JSON.stringify([...terms.values()].map(termsRow));
        await this.query('ledger-open-terms', 'select ledger_open_terms_v1($1)', [rows]);
      }
    } catch (error) {
      // nothing of the batch was sent
      throw error instanceof LostConnection ? new NoConnection(error.message, { cause: error }) : error;
    }
    for (const brand of fresh) this.brands.add(brand);
    for (const id of terms.keys()) this.terms.add(id);
  }

  /**
   * Passes the traces of the batch to the database, to be stored with its postings. A wallet appears once per batch, so it identifies
   * its item.
   */
  private async traced(traces: string, send: () => Promise<OutcomeRow[]>): Promise<OutcomeRow[]> {
    const set = (value: string): Promise<unknown> =>
      this.query('ledger-traces', `select set_config('hezong.traces', $1, false)`, [value]);
    await set(traces);
    try {
      return await send();
    } finally {
      // on a lost connection there is nothing to reset
      if (this.client !== null) await set('');
    }
  }

  /**
   * Encodes rows of an item type as a parameter.
   * @throws NoConnection
   */
  async composites(type: ItemType, rows: readonly Layers[]): Promise<Buffer> {
    if (this.client === null) await this.connect();
    const known = this.types.get(type);
    if (known === undefined) throw new Error(`the database has no type ${type}`);
    return compositeArray(known, rows);
  }

  /**
   * Runs one prepared statement.
   * @throws NoConnection, LostConnection, or the database's error
   */
  async query<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    const client = this.client ?? (await this.connect());
    try {
      const { rows } = await client.query({
        name,
        text,
        values,
        query_timeout: Math.max(this.statementMs, STATEMENT_MS) + SILENCE_MS,
      } as pg.QueryConfig);
      this.statements += 1;
      if (REPLAN_AFTER.has(this.statements)) void client.query('discard plans').catch(() => undefined);
      return rows as Row[];
    } catch (error) {
      const silent = error instanceof Error && error.message === 'Query read timeout';
      if (!silent && !isConnectionLoss(error)) throw error;
      this.drop(client);
      throw new LostConnection('the connection was lost while a batch was under way', { cause: error });
    }
  }

  async close(): Promise<void> {
    const client = this.client;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.databaseUrl,
      application_name: this.name,
      types: pgTypes,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: Math.max(this.statementMs, STATEMENT_MS),
      lock_timeout: LOCK_MS,
      idle_in_transaction_session_timeout: Math.max(this.statementMs, STATEMENT_MS),
      options: PLANNING,
    });
    client.on('error', () => this.drop(client));
    client.on('end', () => this.drop(client));
    try {
      await client.connect();
      await client.query('select ledger_enter_v1()');
      // they may differ from those of the previous server
      this.types = await compositeTypes(client, ITEM_TYPES);
      await client.query(`set statement_timeout = ${this.statementMs}`);
    } catch (error) {
      client.end().catch(() => undefined);
      throw new NoConnection('the database cannot be reached', { cause: error });
    }
    this.client = client;
    this.statements = 0;
    // the server may have been restored to a time before they were written
    this.brands.clear();
    this.terms.clear();
    return client;
  }

  private drop(client: pg.Client): void {
    if (this.client !== client) return;
    this.client = null;
    client.end().catch(() => undefined);
  }
}

/** Reads the columns of composite types from the catalogue, so that they are defined in one place: the migrations. */
async function compositeTypes(client: pg.Client, names: readonly string[]): Promise<Map<string, CompositeType>> {
  const { rows } = await client.query<{ name: string; oid: number; column: string; type: number }>(
    `select t.typname as name, t.oid, a.attname as column, a.atttypid as type
     from pg_type t join pg_attribute a on a.attrelid = t.typrelid
     where t.oid = any ($1::text[]::regtype[]) and a.attnum > 0 and not a.attisdropped order by t.oid, a.attnum`,
    [names],
  );
  const types = new Map<string, { oid: number; columns: { name: string; type: number }[] }>();
  for (const row of rows) {
    const known = types.get(row.name) ?? { oid: row.oid, columns: [] };
    known.columns.push({ name: row.column, type: row.type });
    types.set(row.name, known);
  }
  return types;
}
