import type { Order } from '../replay/orders.js';
import { chance } from './story.js';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const WEEK = 7 * DAY;
const ZONE = 8 * 3_600 * SECOND;
/** Opening hours of shops: eight in the morning to ten in the evening. */
const OPENS = 8 * 3_600 * SECOND;
const OPEN_SECONDS = 14 * 3_600;

/**
 * The file's baskets were split among brands. The parts share one number and one time, by which two brands could match their customers
 * without any network. Here each part becomes a separate order: on the same weekday of some week, at some time of the day, with its own
 * number. Buyers, brands and goods stay the same. The result depends only on the file.
 */
export function apart(orders: readonly Order[]): Order[] {
  const first = orders.reduce((least, { placedAt }) => Math.min(least, dayOf(placedAt)), Infinity);
  const last = orders.reduce((most, { placedAt }) => Math.max(most, dayOf(placedAt)), -Infinity);
  const weeks = Math.max(1, Math.floor((last - first + DAY) / WEEK));
  return orders
    .map((order) => {
      const day =
        first + ((dayOf(order.placedAt) - first + WEEK * (chance(`week ${order.id}`) % weeks)) % (WEEK * weeks));
      const at = new Date(day - ZONE + OPENS + SECOND * (chance(`second ${order.id}`) % OPEN_SECONDS));
      const number = `${chance(`number ${order.id}`)}${String(chance(`more ${order.id}`)).padStart(10, '0')}`;
      return { ...order, id: `${order.id.slice(0, 3)}${number}`, placedAt: `${at.toISOString().slice(0, 19)}Z` };
    })
    .sort((a, b) => (a.placedAt < b.placedAt ? -1 : a.placedAt > b.placedAt ? 1 : 0));
}

/** The day in the alliance's time zone, represented as a day in UTC. */
function dayOf(placedAt: string): number {
  const local = Date.parse(placedAt) + ZONE;
  return local - (local % DAY);
}
