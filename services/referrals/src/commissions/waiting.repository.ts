import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** An event of an order that waits until its buyer's contributor is known. */
export interface WaitingEvent {
  readonly walletId: string;
  readonly orderId: string;
  readonly eventId: string;
  readonly type: string;
  readonly body: Uint8Array;
}

@Injectable()
export class WaitingRepository {
  async add(tx: EntityManager, events: readonly WaitingEvent[]): Promise<void> {
    await tx.query(
      `insert into waiting_event (wallet_id, order_id, event_id, type, body)
       select w, o, e, t, b from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[]) with ordinality as g (w, o, e, t, b, n)
        order by n on conflict (event_id) do nothing`,
      [
        events.map(({ walletId }) => walletId),
        events.map(({ orderId }) => orderId),
        events.map(({ eventId }) => eventId),
        events.map(({ type }) => type),
        events.map(({ body }) => Buffer.from(body)),
      ],
    );
  }

  async ordersAmong(tx: EntityManager, orderIds: readonly string[]): Promise<Set<string>> {
    const rows: { order_id: string }[] = await tx.query(
      'select distinct order_id from waiting_event where order_id = any($1)',
      [orderIds],
    );
    return new Set(rows.map((row) => row.order_id));
  }

  /** Takes out what waits for these wallets, in the order in which it came. */
  async take(
    tx: EntityManager,
    walletIds: readonly string[],
  ): Promise<{ eventId: string; type: string; body: Uint8Array }[]> {
    const rows: { event_id: string; type: string; body: Buffer }[] = await tx.query(
      `with gone as (delete from waiting_event where wallet_id = any($1) returning seq, event_id, type, body)
       select event_id, type, body from gone order by seq`,
      [walletIds],
    );
    return rows.map((row) => ({ eventId: row.event_id, type: row.type, body: row.body }));
  }

  /** Wallets with an event that has waited for longer than the patience, in seconds. */
  async overdue(tx: EntityManager, seconds: number): Promise<string[]> {
    const rows: { wallet_id: string }[] = await tx.query(
      `select distinct wallet_id from waiting_event where queued_at < clock_timestamp() - make_interval(secs => $1) limit 100`,
      [seconds],
    );
    return rows.map((row) => row.wallet_id);
  }
}
