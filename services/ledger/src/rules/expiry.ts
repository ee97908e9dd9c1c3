import { addMonths, endOfDay, endOfMonth, addDays } from '#libs/kernel';

import type { ExpiryPolicy } from './rule.js';

const QUARTER_MS = 15 * 60_000;
const KEPT = 10_000;
const ends = new Map<string, Date>();

/** When points earned at `earnedAt` die; null when never. A rounded end is the last second of its day or month in `zone`. */
export function expiryOf(policy: ExpiryPolicy, earnedAt: Date, zone: string): Date | null {
  switch (policy.kind) {
    case 'never':
      return null;
    case 'fixed':
      return policy.at;
    case 'rolling':
      return policy.roundTo === 'none'
        ? addMonths(earnedAt, policy.months, zone)
        : roundedEnd(policy.months, policy.roundTo, earnedAt, zone);
  }
}

/**
 * A rounded end depends on the local day alone, and days begin on a quarter of an hour everywhere: ends are kept by
 * quarter, as calendar arithmetic would cost more than all the rest of pricing an order.
 */
function roundedEnd(months: number, roundTo: 'month' | 'day', earnedAt: Date, zone: string): Date {
  const key = `${Math.floor(earnedAt.getTime() / QUARTER_MS)} ${months} ${roundTo} ${zone}`;
  const known = ends.get(key);
  if (known !== undefined) return known;
  const later = addMonths(earnedAt, months, zone);
  const end = roundTo === 'month' ? endOfMonth(later, zone) : endOfDay(later, zone);
  if (ends.size >= KEPT) ends.clear();
  ends.set(key, end);
  return end;
}

/** When points earned at `earnedAt` can be spent: whole days later by the alliance's calendar, or at once. */
export function availableFrom(pendingDays: number, earnedAt: Date, zone: string): Date | null {
  return pendingDays === 0 ? null : addDays(earnedAt, pendingDays, zone);
}
