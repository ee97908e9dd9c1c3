import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { brandParty, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { ChainedStatement, FrozenStatement, StatementTotals } from './statement.js';

/** Sums as SQL answers them. */
export interface TotalsRow {
  count: bigint;
  points: string;
  amount: string;
  pays: string;
  receives: string;
  fees: string;
}

interface StatementRow extends TotalsRow {
  cycle: string;
  party: Party;
  version: number;
  currency: string;
  net: string;
  hash: string;
  previous_hash: string | null;
}

const COLUMNS = `cycle, party, version, currency, previous_hash, line_count as count, points::text, amount_micro::text as amount,
  pays_micro::text as pays, receives_micro::text as receives, fees_micro::text as fees, net::text, hash`;

/** The statements of brands as they went out, each with a version. */
@Injectable()
export class StatementsRepository {
  /** The newest version of a brand's statement. */
  async find(tx: EntityManager, cycle: string, brand: string): Promise<FrozenStatement | null> {
    const rows = await tx.query<StatementRow[]>(
      `select ${COLUMNS} from statement where cycle = $1 and party = $2 order by version desc limit 1`,
      [cycle, brandParty(brand)],
    );
    return rows.map(statementOf)[0] ?? null;
  }

  /** All statements of a cycle in all versions. */
  async ofCycle(tx: EntityManager, cycle: string): Promise<ChainedStatement[]> {
    const rows = await tx.query<(StatementRow & { hash_before: string | null })[]>(
      `select ${COLUMNS}, (select b.hash from statement b where b.party = s.party and b.seq < s.seq order by b.seq desc limit 1) as hash_before
         from statement s where cycle = $1 order by party, version`,
      [cycle],
    );
    return rows.map((row) => ({ ...statementOf(row), hashBefore: row.hash_before }));
  }

  /** Brands that have a statement of a cycle. */
  async told(tx: EntityManager, cycle: string): Promise<string[]> {
    const rows = await tx.query<{ party: Party }[]>('select distinct party from statement where cycle = $1', [cycle]);
    return rows.map(({ party }) => partyName(party)).sort();
  }

  /** Hash of a brand's newest statement before that of a cycle; null when it has none. */
  async newestHash(tx: EntityManager, cycle: string, brand: string): Promise<string | null> {
    const rows = await tx.query<{ hash: string }[]>(
      'select hash from statement where party = $1 and cycle <> $2 order by seq desc limit 1',
      [brandParty(brand), cycle],
    );
    return rows[0]?.hash ?? null;
  }

  /** From here to the end of the transaction nobody else adds to a brand's chain of statements. */
  async holdChain(tx: EntityManager, brand: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('settlement: chain of ' || $1, 0))`, [brand]);
  }

  /** The first brand behind the last one told that has lines or totals in a cycle, or is named; null when there is none. */
  async next(tx: EntityManager, cycle: string, brands: readonly string[]): Promise<string | null> {
    const rows = await tx.query<{ party: Party | null }[]>(
      `with last as (select coalesce(max(party), '') as party from statement where cycle = $1)
       select min(party) as party from (
         select min(reader) as party from line where cycle = $1 and reader > (select party from last)
         union all select min(reader) from day_total where cycle = $1 and reader > (select party from last)
         union all select min(named) from unnest($2::text[]) named where named > (select party from last)) p`,
      [cycle, brands.map(brandParty)],
    );
    const party = rows[0]?.party ?? null;
    return party === null ? null : partyName(party);
  }

  async insert(tx: EntityManager, statements: readonly FrozenStatement[]): Promise<void> {
    const parties = statements.map(({ header }) => brandParty(header.brand));
    const column = (pick: (statement: FrozenStatement) => bigint): string[] =>
      statements.map((statement) => pick(statement).toString());
    // a brand without a line in any cycle is told, too
    await tx.query(
      `insert into party (id, kind) select id, 'brand' from unnest($1::text[]) id order by id on conflict do nothing`,
      [parties],
    );
    await tx.query(
      `insert into statement (cycle, party, version, currency, previous_hash, line_count, points, amount_micro, pays_micro,
         receives_micro, fees_micro, net, hash)
       select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::numeric[],
         $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::text[])`,
      [
        statements.map(({ header }) => header.cycle),
        parties,
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

/** Sums in exact numbers. */
export function totalsOf(row: TotalsRow): StatementTotals {
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
  const { cycle, party, version, currency } = row;
  return {
    header: { cycle, brand: partyName(party), version, currency, previousHash: row.previous_hash },
    totals: totalsOf(row),
    net: BigInt(row.net),
    hash: row.hash,
  };
}
