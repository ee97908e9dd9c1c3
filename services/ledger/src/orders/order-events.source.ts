import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';

import { OrderDeliveredSchema, OrderRecordedSchema, OrderReturnedSchema, TOPICS } from '#libs/contracts';
import type { OutgoingRecord, RelayPosition, RelaySource } from '#libs/messaging';

import { AFTER, positionOf, READABLE } from '../postings/event-order.js';
import type { EventPlace } from '../postings/event-order.js';

import type { OrderDocument } from './order.js';

type ReturnedLine = [lineId: string, quantity: number, net: number];

interface EventRow extends EventPlace {
  /** Null for a posting without an order. */
  readonly id: string | null;
  /** Id of the order that a return or delivery belongs to; null for the order itself. */
  readonly purchase_id: string | null;
  readonly brand: string;
  readonly store: string | null;
  readonly wallet_id: string;
  readonly member_ref: string;
  readonly order_external_id: string;
  readonly external_id: string;
  readonly occurred_at: Date;
  readonly posted_at: Date;
  readonly currency: string | null;
  readonly campaign: string | null;
  readonly document: OrderDocument | null;
  readonly lines: ReturnedLine[] | null;
  readonly traceparent: string | null;
}

/** An order can have a spendable and a pending posting; only its first one counts as its event. */
const ORDER_OF_POSTING = `o.cell = p.cell and o.id = p.order_id and o.posting_id = p.id and p.kind in ('accrual', 'accrual_pending')`;

/**
 * Publishes orders, returns and deliveries as events, read from rows that the books store anyway: what is committed is published,
 * without a second write. An order that earned points is found by its posting. All tables share one sequence, so an order comes
 * before its returns and deliveries.
 */
@Injectable()
export class OrderEventsSource implements RelaySource {
  readonly name = 'orders';

  async read(
    client: PoolClient,
    after: RelayPosition,
    limit: number,
  ): Promise<{ records: OutgoingRecord[]; next: RelayPosition }> {
    const { rows } = await client.query<EventRow>({
      name: 'orders-read',
      text: `select x.epoch, x.xid::text as xid, x.seq, x.id, x.purchase_id, x.brand, x.store, x.wallet_id, x.member_ref,
               x.order_external_id, x.external_id, x.occurred_at, x.posted_at, x.currency, x.campaign, x.document, x.lines,
               (select t.traceparent from event_trace t where t.cell = x.cell and t.event_id = x.id) as traceparent
             from (
               (select p.cell, p.epoch, p.xid, p.seq, o.id, null::uuid as purchase_id, o.brand, o.store, o.wallet_id, o.member_ref,
                  o.external_id as order_external_id, o.external_id, o.occurred_at, o.posted_at, o.currency, o.campaign, o.document,
                  null::json as lines
                from (select * from posting where ${READABLE} order by posting.epoch, posting.xid, posting.seq limit $4) p
                left join purchase o on ${ORDER_OF_POSTING})
               union all
               (select cell, epoch, xid, seq, id, null, brand, store, wallet_id, member_ref, external_id, external_id, occurred_at,
                  posted_at, currency, campaign, document, null
                from purchase where seq is not null and ${READABLE} order by purchase.epoch, purchase.xid, purchase.seq limit $4)
               union all
               (select cell, epoch, xid, seq, id, purchase_id, brand, null, wallet_id, member_ref, order_external_id, external_id,
                  occurred_at, posted_at, null, null, null, lines
                from order_event where ${READABLE} order by order_event.epoch, order_event.xid, order_event.seq limit $4)
             ) x order by x.epoch, x.xid, x.seq limit $4`,
      values: [after.epoch, after.xid, after.seq, limit],
    });
    const last = rows.at(-1);
    if (last === undefined) return { records: [], next: after };
    return { records: rows.filter(isOrder).map(recordOf), next: positionOf(last) };
  }

  async backlog(client: PoolClient, after: RelayPosition): Promise<number> {
    const { rows } = await client.query<{ events: bigint }>({
      name: 'orders-backlog',
      text: `select (select count(*) from (select * from posting where ${AFTER}) p join purchase o on ${ORDER_OF_POSTING})
               + (select count(*) from purchase where seq is not null and ${AFTER})
               + (select count(*) from order_event where ${AFTER}) as events`,
      values: [after.epoch, after.xid, after.seq],
    });
    return Number(rows[0]?.events ?? 0);
  }

  async rebase(client: PoolClient, published: RelayPosition): Promise<RelayPosition> {
    await client.query('select ledger_enter_v1()');
    return published;
  }
}

type OrderRow = EventRow & { readonly id: string };

function isOrder(row: EventRow): row is OrderRow {
  return row.id !== null;
}

function recordOf(row: OrderRow): OutgoingRecord {
  const common = {
    topic: TOPICS.orders,
    key: row.wallet_id,
    id: row.id,
    time: row.posted_at,
    ...(row.traceparent === null ? {} : { headers: { traceparent: row.traceparent } }),
  };
  if (row.purchase_id === null) {
    return {
      ...common,
      type: 'hezong.ledger.order.recorded.v1',
      schemaName: OrderRecordedSchema.typeName,
      value: recorded(row),
    };
  }
  const later = {
    orderId: row.purchase_id,
    orderExternalId: row.order_external_id,
    brand: row.brand,
    walletId: row.wallet_id,
    occurredAt: timestampFromDate(row.occurred_at),
    postedAt: timestampFromDate(row.posted_at),
  };
  if (row.lines === null) {
    const value = toBinary(OrderDeliveredSchema, create(OrderDeliveredSchema, later));
    return { ...common, type: 'hezong.ledger.order.delivered.v1', schemaName: OrderDeliveredSchema.typeName, value };
  }
  const body = create(OrderReturnedSchema, {
    ...later,
    returnId: row.id,
    externalId: row.external_id,
    memberRef: row.member_ref,
    lines: row.lines.map(([lineId, quantity, net]) => ({ lineId, quantity: BigInt(quantity), net: BigInt(net) })),
  });
  return {
    ...common,
    type: 'hezong.ledger.order.returned.v1',
    schemaName: OrderReturnedSchema.typeName,
    value: toBinary(OrderReturnedSchema, body),
  };
}

function recorded(row: OrderRow): Uint8Array {
  const { document } = row;
  if (document === null) throw new Error(`order ${row.id} has no document`);
  const { referral, authorizationId } = document;
  const body = create(OrderRecordedSchema, {
    orderId: row.id,
    externalId: row.external_id,
    brand: row.brand,
    store: row.store ?? '',
    walletId: row.wallet_id,
    memberRef: row.member_ref,
    currency: row.currency ?? '',
    occurredAt: timestampFromDate(row.occurred_at),
    postedAt: timestampFromDate(row.posted_at),
    lines: document.lines.map(({ lineId, sku, category, quantity, net }) => ({
      lineId,
      sku: sku ?? '',
      category,
      quantity: BigInt(quantity),
      net: BigInt(net),
    })),
    campaign: row.campaign ?? '',
    authorizationId: authorizationId ?? '',
    ...(referral === undefined
      ? {}
      : { referral: { code: referral.code ?? '', guide: referral.guide ?? '', click: referral.click ?? '' } }),
    fulfilment: document.fulfilment ?? 'in_store',
  });
  return toBinary(OrderRecordedSchema, body);
}
