import { Decimal } from '#libs/kernel';
import { ladderAt, termsOf } from '../ladders/ladder.js';
import type { Ladder } from '../ladders/ladder.js';
import { dayOf } from '../standings/window.js';

/** The fields of a purchase that tiers need. */
export interface OrderFact {
  readonly orderId: string;
  readonly walletId: string;
  readonly brand: string;
  readonly occurredAt: Date;
  /** Paid in money, minor units. */
  readonly net: bigint;
}

/** A return of goods. It takes effect at its posting time, so it never changes an earlier judgement. */
export interface ReturnFact {
  readonly returnId: string;
  readonly orderId: string;
  readonly walletId: string;
  readonly at: Date;
  readonly net: bigint;
}

/** The change that one fact makes to the day of its order. */
export interface Item {
  readonly id: string;
  /** Effective time, milliseconds. */
  readonly at: number;
  readonly day: string;
  readonly brand: string;
  readonly credits: bigint;
  /** +1 for an order, −1 when nothing of it remains. */
  readonly orders: number;
}

/** Credits of an order with this net amount remaining, by the ladder in force when it was made; null if it does not count. */
export function creditsOf(ladder: Ladder | null, brand: string, net: bigint): bigint | null {
  const terms = ladder === null ? null : termsOf(ladder, brand);
  if (ladder === null || terms === null) return null;
  const weight = Decimal.parse(terms.weight);
  if (weight.isZero()) return null;
  return weight.mul(net).divide(Decimal.of(ladder.per), ladder.rounding);
}

/**
 * Effects of an order and its returns. Credits always follow from the remaining amount, so partial returns add up to the same
 * result as one full return.
 */
export function itemsOf(
  order: OrderFact,
  returns: readonly ReturnFact[],
  ladders: readonly Ladder[],
  zone: string,
): Item[] {
  const bought = order.occurredAt.getTime();
  const ladder = ladderAt(ladders, bought);
  let credits = creditsOf(ladder, order.brand, order.net);
  if (credits === null || order.net <= 0n) return [];
  const base = { day: dayOf(bought, zone), brand: order.brand };
  const items: Item[] = [{ ...base, id: order.orderId, at: bought, credits, orders: 1 }];
  let left = order.net;
  const inOrder = [...returns].sort((a, b) => a.at.getTime() - b.at.getTime() || (a.returnId < b.returnId ? -1 : 1));
  for (const back of inOrder) {
    if (left === 0n) break;
    left = back.net >= left ? 0n : left - back.net;
    const now: bigint = creditsOf(ladder, order.brand, left) ?? 0n;
    items.push({
      ...base,
      id: back.returnId,
      at: Math.max(back.at.getTime(), bought),
      credits: now - credits,
      orders: left === 0n ? -1 : 0,
    });
    credits = now;
  }
  return items;
}

export function byTime(a: Item, b: Item): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1);
}

/** All items of a history, by effective time. */
export function timeline(
  orders: readonly OrderFact[],
  returns: readonly ReturnFact[],
  ladders: readonly Ladder[],
  zone: string,
): Item[] {
  const byOrder = new Map<string, ReturnFact[]>();
  for (const back of returns) {
    const list = byOrder.get(back.orderId);
    if (list === undefined) byOrder.set(back.orderId, [back]);
    else list.push(back);
  }
  return orders.flatMap((order) => itemsOf(order, byOrder.get(order.orderId) ?? [], ladders, zone)).sort(byTime);
}
