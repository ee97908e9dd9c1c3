import pg from 'pg';
import { counter } from '#libs/observability';
import { isConnectionLoss, pgTypes } from '#libs/postgres';
import { jsonText } from './encoding.js';
import { LostConnection, NoConnection } from './item.js';
import type { BatchKind, BatchRunner, Item, OutcomeRow } from './item.js';

const CALLS: Record<BatchKind, string> = {
  accrue: 'ledger_accrue_v1($1, $2, $3, $4, $5)',
  reverse: 'ledger_reverse_v1($1, $2, $3, $4)',
  authorize: 'ledger_authorize_v1($1, $2, $3, $4)',
  capture: 'ledger_capture_v1($1, $2, $3, $4)',
  void: 'ledger_void_v1($1, $2, $3, $4)',
  return: 'ledger_return_redemption_v1($1, $2, $3, $4)',
  deliver: 'ledger_deliver_v1($1, $2, $3, $4)',
  take: 'ledger_take_v1($1, $2, $3, $4)',
};
const CONNECT_MS = 3_000;
const STATEMENT_MS = 10_000;
const LOCK_MS = 3_000;
/** Beyond the server's own limit: then the connection itself is dead and the outcome unknown. */
const SILENCE_MS = 15_000;

/**
 * How the posting functions are planned. One plan kept for good, as planning such a statement costs more than running it. The rest
 * keeps a plan that was made while the tables were small from scanning them when they have grown: together with sub-queries that
 * "offset 0" holds in place, every row is found through its key.
 */
const PLANNING = ['jit', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_material']
  .map((setting) => `-c ${setting}=off`)
  .concat('-c plan_cache_mode=force_generic_plan')
  .join(' ');

/** After so many statements of a connection its plans are made anew: they may date from when the tables were nearly empty. */
const REPLAN_AFTER = new Set([10, 100, 1_000, 10_000]);

/** Postings written, replays not counted. */
export const posted = counter('hezong_ledger_postings_total', 'Postings written, by kind of operation.', ['kind']);

/** A connection of its own that is opened when needed and opened again after it was lost. */
export class LaneSession implements BatchRunner {
  private client: pg.Client | null = null;
  private statements = 0;
  /** Brands whose accounts are known to be open. */
  private readonly brands = new Set<string>();

  constructor(
    private readonly databaseUrl: string,
    private readonly name: string,
    /** Slot of the brand accounts that this connection alone writes. */
    private readonly slot: number,
    private readonly statementMs = STATEMENT_MS,
  ) {}

  async run(kind: BatchKind, items: readonly Item[]): Promise<readonly OutcomeRow[]> {
    let now = 0;
    for (const item of items) now = Math.max(now, item.postedAt.getTime());
    const values: unknown[] = [
      this.slot,
      new Date(now),
      items.map((item) => item.walletId),
      jsonText(items.map((item, n) => Object.assign(item.row, { n }))),
    ];
    if (kind === 'accrue') values.push(jsonText(items.flatMap((item, n) => item.lots.map((lot) => ({ n, ...lot })))));
    await this.openBrands(items);
    const send = (): Promise<OutcomeRow[]> =>
      this.query<OutcomeRow>(`ledger-${kind}`, `select * from ${CALLS[kind]}`, values);
    const traces = Object.fromEntries(
      items.flatMap((item) => (item.trace == null ? [] : [[item.walletId, item.trace]])),
    );
    const rows = Object.keys(traces).length === 0 ? await send() : await this.traced(JSON.stringify(traces), send);
    posted.inc({ kind }, rows.filter((row) => row.posting_id !== null && !row.replayed).length);
    return rows;
  }

  /** Opens the accounts of brands not seen before, in a transaction of its own: no lock of it lasts while a batch runs. */
  private async openBrands(items: readonly Item[]): Promise<void> {
    const fresh = new Set<string>();
    for (const { row, lots } of items) {
      for (const brand of [row['brand'], row['issuer'], ...lots.map((lot) => lot['issuer'])]) {
        if (typeof brand === 'string' && !this.brands.has(brand)) fresh.add(brand);
      }
    }
    if (fresh.size === 0) return;
    try {
      await this.query('ledger-open-brands', 'select ledger_open_brands_v1($1)', [[...fresh]]);
    } catch (error) {
      // nothing of the batch was sent
      throw error instanceof LostConnection ? new NoConnection(error.message, { cause: error }) : error;
    }
    for (const brand of fresh) this.brands.add(brand);
  }

  /** Lets the database keep the traces of the batch beside its postings. A wallet stands in a batch once, so it names its item. */
  private async traced(traces: string, send: () => Promise<OutcomeRow[]>): Promise<OutcomeRow[]> {
    const set = (value: string): Promise<unknown> =>
      this.query('ledger-traces', `select set_config('hezong.traces', $1, false)`, [value]);
    await set(traces);
    try {
      return await send();
    } finally {
      // on a lost connection there is nothing left to reset
      if (this.client !== null) await set('');
    }
  }

  /** One prepared statement. @throws NoConnection, LostConnection, or the database's error */
  async query<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    const client = this.client ?? (await this.connect());
    try {
      const { rows } = await client.query({
        name,
        text,
        values,
        query_timeout: this.statementMs + SILENCE_MS - STATEMENT_MS,
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
      statement_timeout: this.statementMs,
      lock_timeout: LOCK_MS,
      idle_in_transaction_session_timeout: this.statementMs,
      options: PLANNING,
    });
    client.on('error', () => this.drop(client));
    client.on('end', () => this.drop(client));
    try {
      await client.connect();
    } catch (error) {
      client.end().catch(() => undefined);
      throw new NoConnection('the database cannot be reached', { cause: error });
    }
    this.client = client;
    this.statements = 0;
    return client;
  }

  private drop(client: pg.Client): void {
    if (this.client !== client) return;
    this.client = null;
    client.end().catch(() => undefined);
  }
}
