import { addMonths, endOfDay, endOfMonth, addDays } from '#libs/kernel';

import type { ExpiryPolicy } from './rule.js';

/** When points earned at `earnedAt` die; null when never. A rounded end is the last second of its day or month in `zone`. */
export function expiryOf(policy: ExpiryPolicy, earnedAt: Date, zone: string): Date | null {
  switch (policy.kind) {
    case 'never':
      return null;
    case 'fixed':
      return policy.at;
    case 'rolling': {
      const end = addMonths(earnedAt, policy.months, zone);
      if (policy.roundTo === 'month') return endOfMonth(end, zone);
      return policy.roundTo === 'day' ? endOfDay(end, zone) : end;
    }
  }
}

/** When points earned at `earnedAt` can be spent: whole days later by the alliance's calendar, or at once. */
export function availableFrom(pendingDays: number, earnedAt: Date, zone: string): Date | null {
  return pendingDays === 0 ? null : addDays(earnedAt, pendingDays, zone);
}
