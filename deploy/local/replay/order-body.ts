import type { OrderLine } from './orders.js';

/** Body of `POST /v1/orders` for an order of the file. */
export function orderBody(order: {
  externalId: string;
  memberRef: string;
  store: string;
  at: Date;
  lines: readonly OrderLine[];
  authorizationId?: string | null;
  code?: string | null;
}): Record<string, unknown> {
  return {
    externalId: order.externalId,
    memberRef: order.memberRef,
    storeRef: order.store,
    occurredAt: order.at.toISOString(),
    currency: 'CNY',
    lines: order.lines.map((line) => ({
      lineId: line.lineId,
      sku: line.sku,
      ...(line.category === '' ? {} : { category: line.category }),
      quantity: line.quantity,
      net: line.net,
    })),
    ...(order.authorizationId === undefined || order.authorizationId === null
      ? {}
      : { authorizationId: order.authorizationId }),
    ...(order.code === undefined || order.code === null ? {} : { referral: { code: order.code } }),
  };
}
