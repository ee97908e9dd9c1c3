/** A line of an order as commissions need it. */
export interface SaleLine {
  readonly lineId: string;
  readonly sku: string;
  readonly category: string;
  /** Paid in money, minor units. */
  readonly net: bigint;
}

/** An order as the ledger told it. */
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
