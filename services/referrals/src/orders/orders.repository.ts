import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Commission } from '../commissions/commission.js';
import { COMMISSIONS, SHARES, withShares } from '../commissions/commissions.tables.js';

@Injectable()
export class OrdersRepository {
  async insert(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    await COMMISSIONS.insert(
      tx,
      commissions.map((commission) => ({ ...commission, ruleVersion: commission.plan.rule })),
    );
    await this.addShares(tx, commissions);
  }

  async addShares(tx: EntityManager, commissions: readonly Commission[]): Promise<void> {
    await SHARES.insert(
      tx,
      commissions.flatMap(({ id: commissionId, brand, currency, shares }) =>
        shares.map((share) => ({ ...share, commissionId, brand, currency })),
      ),
    );
  }

  known(
    tx: EntityManager,
    orders: readonly { orderId: string; brand: string; externalId: string }[],
  ): Promise<{ orderId: string; key: string }[]> {
    return tx.query(
      `select order_id as "orderId", brand || ' ' || order_external_id as key from commission where order_id = any($1)
       union select c.order_id, c.brand || ' ' || c.order_external_id from unnest($2::text[], $3::text[]) as g (brand, external_id)
         join commission c on c.brand = g.brand and c.order_external_id = g.external_id and c.state <> 'duplicate'`,
      [orders.map((o) => o.orderId), orders.map((o) => o.brand), orders.map((o) => o.externalId)],
    );
  }

  async lockByOrder(tx: EntityManager, orderIds: readonly string[]): Promise<Map<string, Commission>> {
    const rows = await COMMISSIONS.query(
      tx,
      'select * from commission where order_id = any($1) order by order_id for update',
      [orderIds],
    );
    return new Map((await withShares(tx, rows)).map((commission) => [commission.orderId, commission]));
  }

  /** Commissions of these buyers without a contributor's share. Marks them as bound. */
  async takeUnbound(tx: EntityManager, walletIds: readonly string[]): Promise<Commission[]> {
    const rows = await COMMISSIONS.query(
      tx,
      `with late as (select id from commission where wallet_id = any($1) and unbound order by id for update),
            heard as (update commission c set unbound = false from late where c.id = late.id returning c.*)
       select * from heard order by id`,
      [walletIds],
    );
    return withShares(tx, rows);
  }

  async change(tx: EntityManager, commission: Commission): Promise<void> {
    const { sql, values } = COMMISSIONS.given(
      [commission],
      ['id', 'lines', 'remaining', 'restRemaining', 'state', 'reason', 'receivedAt', 'holdUntil'],
    );
    await tx.query(
      `update commission c set lines = given.lines, remaining = given.remaining, rest_remaining = given.rest_remaining,
              state = given.state, reason = given.reason, received_at = given.received_at, hold_until = given.hold_until
         from ${sql} where c.id = given.id`,
      values,
    );
  }

  async addReturn(tx: EntityManager, returnId: string, commission: Commission, taken: bigint): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into commission_return (return_id, commission_id, brand, taken) values ($1, $2, $3, $4)
       on conflict (return_id) do nothing returning return_id`,
      [returnId, commission.id, commission.brand, taken],
    );
    return rows.length > 0;
  }
}
