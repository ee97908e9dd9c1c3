import { dayKey } from '#libs/kernel';

const DAY_MS = 86_400_000;

/** A delivery as a brand reports it. */
export interface OrderDelivery {
  externalId: string;
  occurredAt: Date;
}

/** Since when points that waited for a delivery count as spendable, and by how many days their end moves. */
export interface Freed {
  freeFrom: Date;
  lateDays: number;
}

/**
 * Points come free as of the delivery: never before the order, no further back than the contract takes reports (`earliest`, null for
 * no bound). A report that comes days later costs the member none of them: the end of the points moves by as many local days.
 */
export function freedBy(deliveredAt: Date, orderedAt: Date, earliest: Date | null, now: Date, zone: string): Freed {
  const since = Math.max(deliveredAt.getTime(), orderedAt.getTime(), earliest?.getTime() ?? 0);
  // a till's clock may run ahead
  const freeFrom = new Date(Math.min(since, now.getTime()));
  const lateDays = (Date.parse(dayKey(now, zone)) - Date.parse(dayKey(freeFrom, zone))) / DAY_MS;
  return { freeFrom, lateDays };
}
