import { fromBinary } from '@bufbuild/protobuf';
import type { Message } from '@bufbuild/protobuf';
import { instant, OrderDeliveredSchema, OrderRecordedSchema, OrderReturnedSchema } from '#libs/contracts';
import type { OrderDelivered, OrderRecorded, OrderReturned } from '#libs/contracts';

/** The fields of an order line that commissions need. */
export interface SaleLine {
  readonly lineId: string;
  readonly sku: string;
  readonly category: string;
  /** Paid in money, minor units. */
  readonly net: bigint;
}

export interface Sale {
  readonly kind: 'recorded';
  readonly orderId: string;
  readonly externalId: string;
  readonly brand: string;
  readonly store: string;
  readonly walletId: string;
  readonly memberRef: string;
  readonly currency: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly lines: readonly SaleLine[];
  readonly campaign: string;
  readonly code: string;
  readonly guide: string;
  readonly click: string;
  readonly inStore: boolean;
}

export interface SaleReturn {
  readonly kind: 'returned';
  readonly returnId: string;
  readonly orderId: string;
  readonly walletId: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly lines: readonly { readonly lineId: string; readonly net: bigint }[];
}

export interface SaleDelivery {
  readonly kind: 'delivered';
  readonly orderId: string;
  readonly walletId: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
}

export type OrderFact = Sale | SaleReturn | SaleDelivery;

/** The fact in an event of the ledger's orders; null for kinds that are ignored here. */
export function factOf(message: Message): OrderFact | null {
  switch (message.$typeName) {
    case OrderRecordedSchema.typeName:
      return saleOf(message as OrderRecorded);
    case OrderReturnedSchema.typeName:
      return returnOf(message as OrderReturned);
    case OrderDeliveredSchema.typeName: {
      const { orderId, walletId, occurredAt, postedAt } = message as OrderDelivered;
      return {
        kind: 'delivered',
        orderId,
        walletId,
        occurredAt: instant(occurredAt, 'occurred_at'),
        postedAt: instant(postedAt, 'posted_at'),
      };
    }
    default:
      return null;
  }
}

export function factFrom(type: string, body: Uint8Array): OrderFact | null {
  for (const schema of [OrderRecordedSchema, OrderReturnedSchema, OrderDeliveredSchema]) {
    if (schema.typeName === type) return factOf(fromBinary(schema, body));
  }
  return null;
}

function saleOf(event: OrderRecorded): Sale {
  return {
    kind: 'recorded',
    orderId: event.orderId,
    externalId: event.externalId,
    brand: event.brand,
    store: event.store,
    walletId: event.walletId,
    memberRef: event.memberRef,
    currency: event.currency,
    occurredAt: instant(event.occurredAt, 'occurred_at'),
    postedAt: instant(event.postedAt, 'posted_at'),
    lines: event.lines.map(({ lineId, sku, category, net }) => ({ lineId, sku, category, net })),
    campaign: event.campaign,
    code: event.referral?.code ?? '',
    guide: event.referral?.guide ?? '',
    click: event.referral?.click ?? '',
    inStore: event.fulfilment !== 'delivery',
  };
}

function returnOf(event: OrderReturned): SaleReturn {
  return {
    kind: 'returned',
    returnId: event.returnId,
    orderId: event.orderId,
    walletId: event.walletId,
    occurredAt: instant(event.occurredAt, 'occurred_at'),
    postedAt: instant(event.postedAt, 'posted_at'),
    lines: event.lines.map(({ lineId, net }) => ({ lineId, net })),
  };
}
