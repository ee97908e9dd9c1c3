import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { PAYOUT_ITEMS, PAYOUTS } from './payouts.tables.js';
import type { Payout, PayoutItem } from './payouts.tables.js';

/**
 * The most shares that one payout or write-off draws from, because its transaction locks their commissions. The rest waits for the
 * next.
 */
export const MOST_SHARES = 2_000;

/** The amounts that a payout draws from one share: money, and the part that repays an older debt. */
export interface DrawnShare {
  readonly owner: string;
  readonly commissionId: string;
  readonly party: string;
  readonly net: bigint;
  readonly netted: bigint;
}

@Injectable()
export class PayoutsRepository {
  async lockMaking(tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(4005)');
  }

  async insert(tx: EntityManager, payout: Payout): Promise<void> {
    await PAYOUTS.insert(tx, [payout]);
  }

  async addItems(tx: EntityManager, items: readonly PayoutItem[]): Promise<void> {
    await PAYOUT_ITEMS.insert(tx, items);
  }

  /** Locks a payout and the commissions it draws from, commissions first, as refunds do. */
  async lock(tx: EntityManager, id: string): Promise<Payout | null> {
    await tx.query(
      'select from commission where id in (select commission_id from earning_draw where payout_id = $1) order by id for update',
      [id],
    );
    return tx.findOne(PAYOUTS, { where: { id }, lock: { mode: 'pessimistic_write' } });
  }

  find(tx: EntityManager, id: string): Promise<Payout | null> {
    return tx.findOneBy(PAYOUTS, { id });
  }

  /** Payouts that were released, paid or not. */
  released(tx: EntityManager): Promise<Payout[]> {
    return PAYOUTS.query(tx, `select * from payout where state in ('released', 'paid') order by id`);
  }

  /** Released items, one per person. */
  items(tx: EntityManager, payoutId: string): Promise<PayoutItem[]> {
    return tx.find(PAYOUT_ITEMS, { where: { payoutId }, order: { owner: 'asc' } });
  }

  /** Amounts that a draft draws now, by owner and share. */
  drawn(tx: EntityManager, id: string): Promise<DrawnShare[]> {
    return tx.query(
      `select owner, commission_id as "commissionId", party, coalesce(sum(amount - given_back) filter (where repays is null), 0)::bigint as net,
              coalesce(sum(amount - given_back) filter (where repays is not null), 0)::bigint as netted
         from earning_draw where payout_id = $1 group by 1, 2, 3 order by 1, 2, 3`,
      [id],
    );
  }

  async release(
    tx: EntityManager,
    id: string,
    { by, checker, hash, at }: { by: string; checker: string; hash: string; at: Date },
  ): Promise<void> {
    await tx.query(
      `update payout set state = 'released', released_by = $2, checker = $3, approved_hash = $4, released_at = $5 where id = $1`,
      [id, by, checker, hash, at],
    );
  }

  async pay(tx: EntityManager, id: string, by: string, at: Date): Promise<void> {
    await tx.query(`update payout set state = 'paid', confirmed_by = $2, paid_at = $3 where id = $1`, [id, by, at]);
    // a commission is paid once its persons' shares have nothing left to take
    await tx.query(
      `update commission c set state = 'paid'
         from (select p.commission_id from (select distinct commission_id from earning_draw where payout_id = $1) drawn
                 join commission_party p using (commission_id)
                group by 1 having not bool_or(p.owner ~ '^(wallet|store|guide):' and p.held > p.taken)) whole
        where c.id = whole.commission_id and c.state = 'payable'`,
      [id],
    );
  }

  /** Gives back shares of a draft (of all owners, if null) and reopens the debts they would have repaid. */
  async giveBack(tx: EntityManager, id: string, owners: readonly string[] | null): Promise<void> {
    await tx.query(
      `update earning_draw set given_back = amount
        where payout_id = $1 and ($2::text[] is null or owner = any($2)) and given_back < amount`,
      [id, owners],
    );
  }

  async cancel(tx: EntityManager, id: string): Promise<void> {
    await this.giveBack(tx, id, null);
    await tx.query(`update payout set state = 'cancelled' where id = $1`, [id]);
  }
}
