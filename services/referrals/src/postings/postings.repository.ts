import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Commission } from '../commissions/commission.js';
import { COMMISSIONS, SHARES, withShares } from '../commissions/commissions.tables.js';
import { LEGS, TOLD_SHARES } from './postings.tables.js';
import type { Leg, ToldShare } from './postings.tables.js';

@Injectable()
export class PostingsRepository {
  async insert(tx: EntityManager, legs: readonly Leg[]): Promise<void> {
    if (legs.length === 0) return;
    // closing a day takes this lock exclusively; a leg recorded after a day was closed belongs to the next
    await tx.query('select pg_advisory_xact_lock_shared(4007)');
    const { names, sql, values } = LEGS.given(legs);
    await tx.query(
      `insert into leg (${names}) select ${names.replace('day', 'greatest(day, c.through + 1)')} from closed_days c, ${sql}`,
      values,
    );
  }

  async insertTold(tx: EntityManager, shares: readonly ToldShare[]): Promise<void> {
    await TOLD_SHARES.insert(tx, shares);
  }

  legsOf(tx: EntityManager, ids: readonly string[]): Promise<Leg[]> {
    return LEGS.query(tx, 'select * from leg where commission_id = any($1::uuid[]) order by posted_at, entry_id, id', [
      ids,
    ]);
  }

  async lockByOrder(tx: EntityManager, orderIds: readonly string[]): Promise<Commission[]> {
    const select = 'select * from commission where order_id = any($1) order by order_id for update';
    return withShares(tx, await COMMISSIONS.query(tx, select, [orderIds]));
  }

  async posted(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    const decided = COMMISSIONS.given(commissions, ['id', 'used', 'cap', 'state', 'reason']);
    await tx.query(
      `update commission c set used = given.used, cap = given.cap, state = given.state, reason = given.reason
         from ${decided.sql} where c.id = given.id`,
      decided.values,
    );
    const shares = commissions.flatMap(({ id: commissionId, shares }) =>
      shares.filter(({ cap }) => cap !== null).map((share) => ({ ...share, commissionId })),
    );
    if (shares.length === 0) return;
    const capped = SHARES.given(shares, ['commissionId', 'party', 'cap']);
    await tx.query(
      `update commission_party p set cap = given.cap from ${capped.sql}
        where p.commission_id = given.commission_id and p.party = given.party`,
      capped.values,
    );
  }

  /** Stores the posting of a late contributor: the share that limits left, and the larger use of the pool. */
  async joined(tx: EntityManager, { id, used, shares }: Commission): Promise<void> {
    const cap = shares.find(({ party }) => party === 'contributor')?.cap ?? null;
    await tx.query('update commission set used = $2 where id = $1', [id, used]);
    await tx.query(`update commission_party set cap = $2 where commission_id = $1 and party = 'contributor'`, [
      id,
      cap,
    ]);
  }
}
