import { addMonths, endOfDay, endOfMonth, addDays } from '#libs/kernel';

import type { ExpiryPolicy } from './rule.js';

const QUARTER_MS = 15 * 60_000;
const KEPT = 10_000;
const ends = new Map<string, Date>();

/**
 * When points earned at `earnedAt` expire; null when never. It is always the last second of a day (or month) in `zone`: members' brands
 * are all told it, and by a finer time they could tell that two of their members are one.
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
 * An end depends on the local day alone, and days begin on a quarter of an hour everywhere: ends are kept by
 * quarter, as calendar arithmetic would cost more than all the rest of pricing an order.
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

/** When points earned at `earnedAt` can be spent: whole days later by the alliance's calendar, or at once. */
export function availableFrom(pendingDays: number, earnedAt: Date, zone: string): Date | null {
  return pendingDays === 0 ? null : addDays(earnedAt, pendingDays, zone);
}
