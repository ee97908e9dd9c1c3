import { dayKey } from '#libs/kernel';

const DAY_MS = 86_400_000;

export interface OrderDelivery {
  externalId: string;
  occurredAt: Date;
}

/** The instant from which points that waited for a delivery are spendable, and the days by which their expiry moves. */
export interface Freed {
  freeFrom: Date;
  lateDays: number;
}

/**
 * Works out when points become spendable after a delivery: not before the order, and no earlier than the contract accepts reports
 * (`earliest`, null for no bound). A late report does not shorten the points' life: their expiry moves by the same number of local
 * days.
 */
export function freedBy(deliveredAt: Date, orderedAt: Date, earliest: Date | null, now: Date, zone: string): Freed {
  const since = Math.max(deliveredAt.getTime(), orderedAt.getTime(), earliest?.getTime() ?? 0);
  // a till's clock may run ahead
  const freeFrom = new Date(Math.min(since, now.getTime()));
  const lateDays = (Date.parse(dayKey(now, zone)) - Date.parse(dayKey(freeFrom, zone))) / DAY_MS;
  return { freeFrom, lateDays };
}
