import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';

import { OrderDeliveredSchema, OrderRecordedSchema, OrderReturnedSchema, TOPICS } from '#libs/contracts';
import type { OutgoingRecord, RelayPosition, RelaySource } from '#libs/messaging';

import type { OrderDocument } from './order.js';

type ReturnedLine = [lineId: string, quantity: number, net: number];

interface EventRow {
  readonly xid: string;
  readonly seq: bigint;
  readonly id: string;
  /** Of the order that a return or delivery belongs to; null for the order itself. */
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

const AFTER = `(xid, seq) > ($1::xid8, $2::bigint)`;
const READABLE = `${AFTER} and xid < pg_snapshot_xmin(pg_current_snapshot())`;

/**
 * Orders, their returns and their deliveries as events, read from the rows that the books keep anyway: what is committed is published,
 * without a second write. One sequence runs through both tables, so an order comes before what happens to it.
 */
@Injectable()
export class OrderEvents implements RelaySource {
  readonly name = 'orders';

  async read(
    client: PoolClient,
    after: RelayPosition,
    limit: number,
  ): Promise<{ records: OutgoingRecord[]; next: RelayPosition }> {
    const { rows } = await client.query<EventRow>({
      name: 'orders-read',
      text: `select x.xid::text as xid, x.seq, x.id, x.purchase_id, x.brand, x.store, x.wallet_id, x.member_ref, x.order_external_id,
               x.external_id, x.occurred_at, x.posted_at, x.currency, x.campaign, x.document, x.lines,
               (select t.traceparent from event_trace t where t.event_id = x.id) as traceparent
             from (
               (select xid, seq, id, null::uuid as purchase_id, brand, store, wallet_id, member_ref, external_id as order_external_id,
                  external_id, occurred_at, posted_at, currency, campaign, document, null::json as lines
                from purchase where ${READABLE} order by purchase.xid, purchase.seq limit $3)
               union all
               (select xid, seq, id, purchase_id, brand, null, wallet_id, member_ref, order_external_id, external_id, occurred_at, posted_at,
                  null, null, null, lines
                from order_event where ${READABLE} order by order_event.xid, order_event.seq limit $3)
             ) x order by x.xid, x.seq limit $3`,
      values: [after.xid, after.seq, limit],
    });
    const last = rows.at(-1);
    if (last === undefined) return { records: [], next: after };
    return { records: rows.map(recordOf), next: { xid: last.xid, seq: last.seq.toString() } };
  }

  async backlog(client: PoolClient, after: RelayPosition): Promise<number> {
    const { rows } = await client.query<{ events: bigint }>({
      name: 'orders-backlog',
      text: `select (select count(*) from purchase where ${AFTER}) + (select count(*) from order_event where ${AFTER}) as events`,
      values: [after.xid, after.seq],
    });
    return Number(rows[0]?.events ?? 0);
  }
}

function recordOf(row: EventRow): OutgoingRecord {
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

function recorded(row: EventRow): Uint8Array {
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
