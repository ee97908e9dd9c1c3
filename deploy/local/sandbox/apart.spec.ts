import { join } from 'node:path';
import { projectRoot } from '../network/root.js';
import { readOrders } from '../replay/orders.js';
import type { Order } from '../replay/orders.js';
import { apart } from './apart.js';

/** Number of orders that share the value of `of` with an order of the same household at another brand. */
function shared(orders: readonly Order[], of: (order: Order) => string): number {
  const brands = new Map<string, Set<string>>();
  for (const order of orders) {
    const key = `${order.household} ${of(order)}`;
    brands.set(key, (brands.get(key) ?? new Set()).add(order.brand));
  }
  return [...brands.values()].filter(({ size }) => size > 1).length;
}

it('gives each part of a basket its own number and time, and keeps who bought what where on which weekday', async () => {
  const before = await readOrders(join(projectRoot(), 'deploy/local/data/order_lines.csv.gz'));
  const after = apart(before);
  const number = ({ id }: Order): string => id.slice(3);
  const hour = ({ placedAt }: Order): string => placedAt.slice(0, 13);
  expect(shared(before, number)).toBeGreaterThan(1_000);
  expect(shared(before, hour)).toBeGreaterThan(1_000);
  expect(shared(after, number)).toBe(0);
  // about as many as two orders of one household coincide in one hour by chance
  expect(shared(after, hour)).toBeLessThan(60);
  expect(new Set(after.map(({ id }) => id)).size).toBe(before.length);
  const weekday = ({ placedAt }: Order): number => new Date(Date.parse(placedAt) + 8 * 3_600_000).getUTCDay();
  const goods = (order: Order): string =>
    JSON.stringify([order.brand, order.household, order.store, weekday(order), order.lines]);
  expect(after.map(goods).sort()).toEqual(before.map(goods).sort());
});
