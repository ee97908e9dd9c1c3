import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Commission } from './commission.js';
import { COMMISSIONS, withShares } from './commissions.tables.js';

/** Filter and cursor of the seller's list of commissions. */
export interface CommissionFilter {
  readonly brand: string | null;
  readonly state: string | null;
  readonly day: string | null;
  readonly after: { readonly postedAt: string; readonly id: string } | null;
  readonly limit: number;
  /** Commissions whose hold ended by this time are shown as payable. */
  readonly now: Date;
}

@Injectable()
export class CommissionsRepository {
  async lock(tx: EntityManager, id: string): Promise<Commission | null> {
    const rows = await COMMISSIONS.query(tx, 'select * from commission where id = $1 for update', [id]);
    return (await withShares(tx, rows))[0] ?? null;
  }

  async find(tx: EntityManager, id: string): Promise<Commission | null> {
    return (await withShares(tx, await tx.findBy(COMMISSIONS, { id })))[0] ?? null;
  }

  async page(tx: EntityManager, filter: CommissionFilter): Promise<Commission[]> {
    const rows = await COMMISSIONS.query(
      tx,
      `select * from commission where ($1::text is null or brand = $1) and ($2::text is null or $2 =
           case when $1::text is null or state not in ('held', 'payable', 'paid', 'fraud_hold') then state
                when hold_until is null then 'pending' when hold_until <= $7 then 'payable' else 'held' end)
         and ($3::timestamptz is null or (posted_at, order_id) > ($3, (select order_id from commission where id = $4)))
         and ($6::date is null or id in (select commission_id from leg where day = $6 and ($1::text is null or brand = $1)))
        order by posted_at, order_id limit $5`,
      [
        filter.brand,
        filter.state,
        filter.after?.postedAt ?? null,
        filter.after?.id ?? null,
        filter.limit,
        filter.day,
        filter.now,
      ],
    );
    return withShares(tx, rows);
  }

  async pageOfAll(tx: EntityManager, after: string | null, limit: number): Promise<Commission[]> {
    const rows = await COMMISSIONS.query(
      tx,
      `select * from commission where id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') order by id limit $2`,
      [after, limit],
    );
    return withShares(tx, rows);
  }

  /** Stores the operator's decision on a suspicion. */
  async resolve(tx: EntityManager, { id, state, reason }: Pick<Commission, 'id' | 'state' | 'reason'>): Promise<void> {
    await tx.query('update commission set state = $2, reason = $3 where id = $1', [id, state, reason]);
  }

  /** Makes commissions payable whose hold is over. Returns how many. */
  async release(tx: EntityManager, now: Date, limit: number): Promise<number> {
    const rows: unknown[] = await tx.query(
      `with due as (select id from commission where state = 'held' and hold_until <= $1 order by hold_until limit $2 for update skip locked),
            freed as (update commission c set state = 'payable' from due where c.id = due.id returning c.id)
       select id from freed`,
      [now, limit],
    );
    return rows.length;
  }

  async countDue(tx: EntityManager, now: Date, limit: number): Promise<number> {
    const [row]: { commissions: bigint }[] = await tx.query(
      `select count(*) as commissions from (select from commission where state = 'held' and hold_until <= $1 limit $2) due`,
      [now, limit],
    );
    return Number(row?.commissions ?? 0);
  }
}
