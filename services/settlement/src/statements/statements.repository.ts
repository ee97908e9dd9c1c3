import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RowOf, StoredRow } from '#libs/postgres';
import { FROZEN_ON_RECORD } from '../cycles/cycles.tables.js';
import { brandParty, partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { ChainedStatement, FrozenStatement } from './statement.js';
import { STATEMENTS } from './statements.tables.js';

/** Only what was frozen on record has a place in a chain. */
const IN_CHAIN = `b.cycle = any (array(${FROZEN_ON_RECORD}))`;

/** The issued statements of brands, each with a version. */
@Injectable()
export class StatementsRepository {
  async find(tx: EntityManager, cycle: string, brand: string): Promise<FrozenStatement | null> {
    const [newest] = await STATEMENTS.query(
      tx,
      'select * from statement where cycle = $1 and party = $2 order by version desc limit 1',
      [cycle, brandParty(brand)],
    );
    return newest === undefined ? null : statementOf(newest);
  }

  /** All statements of a cycle in all versions, each with the hash before it in its chain. */
  async ofCycle(tx: EntityManager, cycle: string): Promise<ChainedStatement[]> {
    const rows = await tx.query<(StoredRow & { hash_before: string | null })[]>(
      `select *, (select b.hash from statement b where b.party = s.party and b.seq < s.seq and ${IN_CHAIN}
            order by b.seq desc limit 1) as hash_before
         from statement s where cycle = $1 order by party, version`,
      [cycle],
    );
    return rows.map((row) => ({ ...statementOf(STATEMENTS.fromRow(row)), hashBefore: row.hash_before }));
  }

  async told(tx: EntityManager, cycle: string): Promise<string[]> {
    const rows = await tx.query<{ party: Party }[]>('select distinct party from statement where cycle = $1', [cycle]);
    return rows.map(({ party }) => partyName(party)).sort();
  }

  async newestHash(tx: EntityManager, cycle: string, brand: string): Promise<string | null> {
    const rows = await tx.query<{ hash: string }[]>(
      `select hash from statement b where party = $1 and cycle <> $2 and ${IN_CHAIN} order by seq desc limit 1`,
      [brandParty(brand), cycle],
    );
    return rows[0]?.hash ?? null;
  }

  /** Locks a brand's chain of statements until the end of the transaction. */
  async holdChain(tx: EntityManager, brand: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('settlement: chain of ' || $1, 0))`, [brand]);
  }

  /** The first brand after the last written one that has lines or totals in a cycle, or is in `brands`; null if there is none. */
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
    // a brand without a line in any cycle gets a statement too
    await tx.query(
      `insert into party (id, kind) select id, 'brand' from unnest($1::text[]) id order by id on conflict do nothing`,
      [parties],
    );
    await STATEMENTS.insert(
      tx,
      statements.map(({ header, totals, net, hash }) => ({
        ...header,
        ...totals,
        party: brandParty(header.brand),
        net,
        hash,
      })),
    );
  }
}

function statementOf(row: RowOf<typeof STATEMENTS>): FrozenStatement {
  const { cycle, party, version, currency, previousHash, net, hash, ...sums } = row;
  const { count, points, amountMicro, paysMicro, receivesMicro, feesMicro } = sums;
  return {
    header: { cycle, brand: partyName(party), version, currency, previousHash },
    totals: { count, points, amountMicro, paysMicro, receivesMicro, feesMicro },
    net,
    hash,
  };
}
