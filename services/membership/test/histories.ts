import type { OrderFact, ReturnFact } from '../src/credits/credits.js';
import type { Conditions, Ladder } from '../src/ladders/ladder.js';

export const ZONE = 'Asia/Shanghai';

export function at(text: string): number {
  return new Date(text.length === 10 ? `${text}T00:00:00+08:00` : text).getTime();
}

export function need(over: Partial<Conditions> = {}): Conditions {
  return { credits: null, visits: null, brands: null, anyOf: null, ...over };
}

/** Silver at 1,000 credits, gold at 5,000, black at 10,000; one yuan is one credit and no brand gives more than 6,000. */
export function aLadder(over: Partial<Ladder> = {}): Ladder {
  return {
    version: 1,
    name: 'base',
    validFrom: new Date(at('2026-01-01')),
    validTo: null,
    window: { kind: 'calendar_year' },
    rounding: 'floor',
    per: 100n,
    graceDays: 0,
    mapUpTo: 2,
    brands: {},
    others: { weight: '1', cap: { share: '0.60' } },
    ranks: [
      { code: 'member', conditions: need(), earnMultiplier: '1', funder: 'operator' },
      { code: 'silver', conditions: need({ credits: 1_000n }), earnMultiplier: '1.10', funder: 'operator' },
      { code: 'gold', conditions: need({ credits: 5_000n }), earnMultiplier: '1.25', funder: 'seller' },
      { code: 'black', conditions: need({ credits: 10_000n }), earnMultiplier: '1.50', funder: 'operator' },
    ],
    ...over,
  };
}

let counter = 0;

/** An order worth `credits` under `aLadder`. */
export function bought(day: string, credits: number, brand = 'aurora', over: Partial<OrderFact> = {}): OrderFact {
  counter += 1;
  return {
    orderId: `od-${counter}`,
    walletId: 'w',
    brand,
    occurredAt: new Date(at(day)),
    net: BigInt(credits) * 100n,
    ...over,
  };
}

export function gaveBack(order: OrderFact, day: string, credits: number): ReturnFact {
  counter += 1;
  return {
    returnId: `rt-${counter}`,
    orderId: order.orderId,
    walletId: order.walletId,
    at: new Date(at(day)),
    net: BigInt(credits) * 100n,
  };
}
