import { addMonths, endOfDay, endOfMonth, addDays } from '#libs/kernel';

import type { ExpiryPolicy } from './rule.js';

const QUARTER_MS = 15 * 60_000;
const KEPT = 10_000;
const ends = new Map<string, Date>();

/**
 * Expiry of points earned at `earnedAt`; null if they never expire. It is always the last second of a day (or month) in `zone`: all
 * brands of a member see it, and from a finer time two brands could tell that their members are the same person.
 */
export function expiryOf(policy: ExpiryPolicy, earnedAt: Date, zone: string): Date | null {
  switch (policy.kind) {
    case 'never':
      return null;
    case 'fixed':
      return lastSecondOf('day', policy.at, 0, zone);
    case 'rolling':
      return lastSecondOf(policy.roundTo, earnedAt, policy.months, zone);
  }
}

/**
 * Computes an expiry with a cache. It depends only on the local day, and days begin on a quarter of an hour in every zone, so
 * results are cached per quarter: calendar arithmetic would cost more than the rest of pricing an order.
 */
function lastSecondOf(unit: 'month' | 'day', from: Date, months: number, zone: string): Date {
  const key = `${Math.floor(from.getTime() / QUARTER_MS)} ${months} ${unit} ${zone}`;
  const known = ends.get(key);
  if (known !== undefined) return known;
  const later = addMonths(from, months, zone);
  const end = unit === 'month' ? endOfMonth(later, zone) : endOfDay(later, zone);
  if (ends.size >= KEPT) ends.clear();
  ends.set(key, end);
  return end;
}

/**
 * The instant from which points earned at `earnedAt` are spendable: whole days later by the alliance's calendar; null if
 * immediately.
 */
export function availableFrom(pendingDays: number, earnedAt: Date, zone: string): Date | null {
  return pendingDays === 0 ? null : addDays(earnedAt, pendingDays, zone);
}
