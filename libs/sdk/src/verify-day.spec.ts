import { createHash } from 'node:crypto';
import { rootOfLegs } from './verify-day.js';
import type { ShownLeg } from './verify-day.js';

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const leg = (id: string, amount: number): ShownLeg => ({
  id,
  party: 'contributor',
  payee: 'brand:aurora',
  amount,
  currency: 'CNY',
  day: '2026-03-02',
  postedAt: '2026-03-02T00:00:00Z',
});
const text = (id: string, amount: number): string =>
  `leaf:{"amount":${amount},"currency":"CNY","day":"2026-03-02","id":"${id}","party":"contributor","payee":"brand:aurora","postedAt":"2026-03-02T00:00:00Z"}`;

it('hashes leaves and nodes apart, in the order of the ids, and lets a lone node move up', async () => {
  const [a, b, c] = [sha(text('lg_A', 1)), sha(text('lg_B', -2)), sha(text('lg_C', 3))];
  expect(await rootOfLegs([leg('lg_C', 3), leg('lg_A', 1), leg('lg_B', -2)])).toBe(
    `sha256:${sha(`node:${sha(`node:${a}${b}`)}${c}`)}`,
  );
  expect(await rootOfLegs([leg('lg_A', 1)])).toBe(`sha256:${a}`);
  expect(await rootOfLegs([])).toBeNull();
});

it('leaves out what is no part of the leaf', async () => {
  const shown = { ...leg('lg_A', 1), entryId: 'ce_1', reverses: null };
  expect(await rootOfLegs([shown])).toBe(await rootOfLegs([leg('lg_A', 1)]));
});
