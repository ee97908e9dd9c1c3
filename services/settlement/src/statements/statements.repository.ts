import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Line, LineType } from '../entries/line.js';
import type { StatementHeader, StatementTotals } from './statement.js';

/** A statement as it went out. */
export interface FrozenStatement {
  readonly header: StatementHeader;
  readonly totals: StatementTotals;
  readonly net: bigint;
  readonly hash: string;
}

/** Where a page of lines begins: after this posting time and id. */
export type LinePosition = readonly [postedAt: string, id: string];

/** A line with the reading brand's own pseudonym of the member. */
export interface StoredLine {
  readonly line: Line;
  readonly memberRef: string | null;
}

interface LineRow {
  id: string;
  type: LineType;
  posting_id: string;
  lot_id: string;
  original_line_id: string | null;
  wallet_id: string;
  actor: string;
  actor_member_ref: string;
  occurred_at: Date;
  posted_at: Date;
  payer: string;
  payee: string;
  issuer: string;
  redeemer: string | null;
  store: string | null;
  points: bigint;
  price_micro: bigint;
  fixed_micro: string;
  currency: string;
  reference: string | null;
  member_ref?: string | null;
}

interface TotalsRow {
  count: bigint;
  points: string;
  amount: string;
  pays: string;
  receives: string;
  fees: string;
}

interface StatementRow extends TotalsRow {
  cycle: string;
  brand: string;
  version: number;
  currency: string;
  net: bigint;
  hash: string;
  previous_hash: string | null;
}

const COLUMNS = `l.id, l.type, l.posting_id, l.lot_id, l.original_line_id, l.wallet_id, l.actor, l.actor_member_ref,
  l.occurred_at, l.posted_at, l.payer, l.payee, l.issuer, l.redeemer, l.store, l.points, l.price_micro, l.fixed_micro::text, l.currency, l.reference`;

/** Row security keeps the operator's and the members' lines from a reader of that name. */
const CONCERNS = `$2 in (l.payer, l.payee, l.issuer, l.redeemer)`;

/** The reader's own pseudonym: as the till sent it where the reader acted, else by the wallet's link; never another brand's. */
const OWN_MEMBER = `case when l.actor = $2 then nullif(l.actor_member_ref, '') else (
  select m.member_ref from member_link m where m.wallet_id = l.wallet_id and m.brand = $2
   order by m.active desc, m.changed_at desc limit 1) end as member_ref`;

const FIRST: LinePosition = ['-infinity', '00000000-0000-0000-0000-000000000000'];

@Injectable()
export class StatementsRepository {
  /** Lines of a cycle that concern a brand, in order of posting, with the brand's own memberRef. */
  async page(
    tx: EntityManager,
    cycle: string,
    brand: string,
    after: LinePosition | null,
    limit: number,
  ): Promise<StoredLine[]> {
    const rows = await tx.query<LineRow[]>(
      `select ${COLUMNS}, ${OWN_MEMBER} from line l
        where l.cycle = $1 and ${CONCERNS} and (l.posted_at, l.id) > ($3::timestamptz, $4::uuid)
        order by l.posted_at, l.id limit $5`,
      [cycle, brand, ...(after ?? FIRST), limit],
    );
    return rows.map((row) => ({ line: lineOf(row), memberRef: row.member_ref ?? null }));
  }

  /** All lines of a cycle in order of posting, a chunk at a time. */
  async *all(tx: EntityManager, cycle: string, chunk = 5_000): AsyncGenerator<Line[]> {
    let after = FIRST;
    for (;;) {
      const rows = await tx.query<LineRow[]>(
        `select ${COLUMNS} from line l
          where l.cycle = $1 and (l.posted_at, l.id) > ($2::timestamptz, $3::uuid)
          order by l.posted_at, l.id limit $4`,
        [cycle, ...after, chunk],
      );
      yield rows.map(lineOf);
      const last = rows.at(-1);
      if (last === undefined || rows.length < chunk) return;
      after = [last.posted_at.toISOString(), last.id];
    }
  }

  /** Sums over the lines of a cycle that concern a brand. */
  async liveTotals(tx: EntityManager, cycle: string, brand: string): Promise<StatementTotals> {
    const fee = `l.type in ('fee', 'fee_reversal')`;
    const sum = (of: string, where = 'true'): string => `coalesce(sum(${of}) filter (where ${where}), 0)::text`;
    const rows = await tx.query<TotalsRow[]>(
      `select count(*) as count, ${sum('l.points')} as points, ${sum('l.amount_micro')} as amount,
          ${sum('l.amount_micro', `l.payer = $2 and not ${fee}`)} as pays,
          ${sum('l.amount_micro', `l.payee = $2 and not ${fee}`)} as receives,
          ${sum('l.amount_micro', `l.payer = $2 and ${fee}`)} as fees
        from line l where l.cycle = $1 and ${CONCERNS}`,
      [cycle, brand],
    );
    const row = rows[0];
    if (row === undefined) throw new Error('an aggregate without a row');
    return totalsOf(row);
  }

  async find(tx: EntityManager, cycle: string, brand: string): Promise<FrozenStatement | null> {
    const rows = await tx.query<StatementRow[]>(`${SELECT_STATEMENT} where cycle = $1 and brand = $2`, [cycle, brand]);
    return rows.map(statementOf)[0] ?? null;
  }

  async ofCycle(tx: EntityManager, cycle: string): Promise<FrozenStatement[]> {
    const rows = await tx.query<StatementRow[]>(`${SELECT_STATEMENT} where cycle = $1 order by brand`, [cycle]);
    return rows.map(statementOf);
  }

  /** Hash of each brand's newest statement. */
  async newestHashes(tx: EntityManager): Promise<Map<string, string>> {
    const rows = await tx.query<{ brand: string; hash: string }[]>(
      'select distinct on (brand) brand, hash from statement order by brand, seq desc',
    );
    return new Map(rows.map((row) => [row.brand, row.hash]));
  }

  async insert(tx: EntityManager, statements: readonly FrozenStatement[]): Promise<void> {
    const column = (pick: (statement: FrozenStatement) => bigint): string[] =>
      statements.map((statement) => pick(statement).toString());
    await tx.query(
      `insert into statement (cycle, brand, version, currency, previous_hash, line_count, points, amount_micro, pays_micro,
         receives_micro, fees_micro, net, hash)
       select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
         $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[], $12::bigint[], $13::text[])`,
      [
        statements.map(({ header }) => header.cycle),
        statements.map(({ header }) => header.brand),
        statements.map(({ header }) => header.version),
        statements.map(({ header }) => header.currency),
        statements.map(({ header }) => header.previousHash),
        column(({ totals }) => totals.count),
        column(({ totals }) => totals.points),
        column(({ totals }) => totals.amountMicro),
        column(({ totals }) => totals.paysMicro),
        column(({ totals }) => totals.receivesMicro),
        column(({ totals }) => totals.feesMicro),
        column(({ net }) => net),
        statements.map(({ hash }) => hash),
      ],
    );
  }
}

const SELECT_STATEMENT = `
  select cycle, brand, version, currency, previous_hash, line_count as count, points::text, amount_micro::text as amount,
      pays_micro::text as pays, receives_micro::text as receives, fees_micro::text as fees, net, hash
    from statement`;

function totalsOf(row: TotalsRow): StatementTotals {
  return {
    count: row.count,
    points: BigInt(row.points),
    amountMicro: BigInt(row.amount),
    paysMicro: BigInt(row.pays),
    receivesMicro: BigInt(row.receives),
    feesMicro: BigInt(row.fees),
  };
}

function statementOf(row: StatementRow): FrozenStatement {
  const { cycle, brand, version, currency } = row;
  return {
    header: { cycle, brand, version, currency, previousHash: row.previous_hash },
    totals: totalsOf(row),
    net: row.net,
    hash: row.hash,
  };
}

function lineOf(row: LineRow): Line {
  return {
    id: row.id,
    type: row.type,
    postingId: row.posting_id,
    lotId: row.lot_id,
    originalLineId: row.original_line_id,
    walletId: row.wallet_id,
    actor: row.actor,
    actorMemberRef: row.actor_member_ref,
    occurredAt: row.occurred_at,
    postedAt: row.posted_at,
    payer: row.payer,
    payee: row.payee,
    issuer: row.issuer,
    redeemer: row.redeemer,
    store: row.store,
    points: row.points,
    priceMicro: row.price_micro,
    fixedMicro: BigInt(row.fixed_micro),
    currency: row.currency,
    reference: row.reference,
  };
}
