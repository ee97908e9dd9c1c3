import { fail, parseInstant } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';

import type { DeliveryDto, OrderDto, OrderReturnDto } from './orders.dto.js';
import type { Order, OrderReferral } from './order.js';
import type { ReturnLine } from './order-returns.js';

/** The most money of one order, minor units: sums over millions of orders still fit into 64 bits wherever they are kept. */
const MOST = 1_000_000_000_000n;

/** A return of goods as a brand reports it. */
export interface OrderReturn {
  externalId: string;
  occurredAt: Date;
  lines: readonly ReturnLine[];
}

/** A delivery as a brand reports it. */
export interface OrderDelivery {
  externalId: string;
  occurredAt: Date;
}

/** The order in a body whose fields are each in order; refuses what is wrong between them. */
export function orderFrom(body: OrderDto): Order {
  const faults = repeatedLines(body.lines);
  body.lines.forEach(({ quantity, net }, index) => {
    if (quantity === 0 && net > 0) {
      const detail = 'The quantity is 0, but net is not.';
      faults.push({ pointer: `/lines/${index}/quantity`, code: 'out_of_range', detail });
    }
  });
  if (faults.length > 0) fail('validation_failed', { errors: faults });
  const lines = body.lines.map(({ lineId, sku, category, quantity, net }) => ({
    lineId,
    sku: sku ?? null,
    category: category ?? '',
    quantity: BigInt(quantity),
    net: BigInt(net),
  }));
  if (lines.reduce((sum, { net }) => sum + net, 0n) > MOST)
    fail('amount_out_of_range', { extra: { limit: Number(MOST) } });
  return {
    externalId: body.externalId,
    memberRef: body.memberRef,
    storeRef: body.storeRef ?? null,
    occurredAt: instant(body.occurredAt),
    currency: body.currency,
    campaign: body.campaign ?? null,
    authorizationId: body.authorizationId ?? null,
    referral: referralFrom(body.referral),
    fulfilment: body.fulfilment ?? 'in_store',
    lines,
  };
}

function referralFrom(said: OrderDto['referral']): OrderReferral | null {
  const [code, guide, click] = [said?.code ?? null, said?.guide ?? null, said?.click ?? null];
  return code === null && guide === null && click === null ? null : { code, guide, click };
}

/** The delivery in a body whose fields are each in order. */
export function deliveryFrom(body: DeliveryDto): OrderDelivery {
  return { externalId: body.externalId, occurredAt: instant(body.occurredAt) };
}

/** The return in a body whose fields are each in order; refuses what is wrong between them. */
export function orderReturnFrom(body: OrderReturnDto): OrderReturn {
  const faults = repeatedLines(body.lines);
  if (faults.length > 0) fail('validation_failed', { errors: faults });
  return {
    externalId: body.externalId,
    occurredAt: instant(body.occurredAt),
    lines: body.lines.map(({ lineId, quantity, net }) => ({
      lineId,
      quantity: BigInt(quantity),
      net: BigInt(net),
    })),
  };
}

function repeatedLines(lines: readonly { lineId: string }[]): FieldFault[] {
  if (lines.length === 1) return [];
  const seen = new Set<string>();
  return lines.flatMap(({ lineId }, index) => {
    if (!seen.has(lineId)) {
      seen.add(lineId);
      return [];
    }
    return [{ pointer: `/lines/${index}/lineId`, code: 'duplicate', detail: 'Another line has this id.' }];
  });
}

function instant(text: string): Date {
  return parseInstant(text) ?? fail('validation_failed');
}
