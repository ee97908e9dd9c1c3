import { createHash } from 'node:crypto';
import { rootOfLegs } from './verify-day.js';
import type { ShownLeg } from './verify-day.js';

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const leg = (salt: string, amount: number): ShownLeg => ({
  party: 'contributor',
  payee: 'alliance',
  amount,
  currency: 'CNY',
  day: '2026-03-02',
  postedAt: '2026-03-02T00:00:00Z',
  salt,
});
const text = (salt: string, amount: number): string =>
  `leaf:{"amount":${amount},"currency":"CNY","day":"2026-03-02","party":"contributor","payee":"alliance","postedAt":"2026-03-02T00:00:00Z","salt":"${salt}"}`;

it('hashes leaves and nodes differently, in the order of the leaves’ hashes, and moves a lone node up', async () => {
  const [a = '', b = '', c = ''] = [sha(text('a1', 1)), sha(text('b2', -2)), sha(text('c3', 3))].sort();
  expect(await rootOfLegs([leg('c3', 3), leg('a1', 1), leg('b2', -2)])).toBe(
    `sha256:${sha(`node:${sha(`node:${a}${b}`)}${c}`)}`,
  );
  expect(await rootOfLegs([leg('a1', 1)])).toBe(`sha256:${sha(text('a1', 1))}`);
  expect(await rootOfLegs([])).toBeNull();
});

it('omits fields that are not part of the leaf', async () => {
  const shown = { ...leg('a1', 1), id: 'lg_A', entryId: 'ce_1', reverses: null };
  expect(await rootOfLegs([shown])).toBe(await rootOfLegs([leg('a1', 1)]));
});
