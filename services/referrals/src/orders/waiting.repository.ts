import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RowOf } from '#libs/postgres';
import { WAITING_EVENTS } from './orders.tables.js';
import type { WaitingEvent } from './orders.tables.js';

@Injectable()
export class WaitingRepository {
  async add(tx: EntityManager, events: readonly WaitingEvent[]): Promise<void> {
    await WAITING_EVENTS.insert(tx, events, 'on conflict (event_id) do nothing');
  }

  async ordersAmong(tx: EntityManager, orderIds: readonly string[]): Promise<Set<string>> {
    const rows: { order_id: string }[] = await tx.query(
      'select distinct order_id from waiting_event where order_id = any($1)',
      [orderIds],
    );
    return new Set(rows.map((row) => row.order_id));
  }

  /** Removes and returns the waiting events of these wallets, in order of arrival. */
  take(tx: EntityManager, walletIds: readonly string[]): Promise<RowOf<typeof WAITING_EVENTS>[]> {
    return WAITING_EVENTS.query(
      tx,
      `with gone as (delete from waiting_event where wallet_id = any($1) returning *) select * from gone order by seq`,
      [walletIds],
    );
  }

  /** Wallets with an event that has waited longer than `seconds`. */
  async overdue(tx: EntityManager, seconds: number): Promise<string[]> {
    const rows: { wallet_id: string }[] = await tx.query(
      `select distinct wallet_id from waiting_event where queued_at < clock_timestamp() - make_interval(secs => $1) limit 100`,
      [seconds],
    );
    return rows.map((row) => row.wallet_id);
  }
}
