import { merkleRoot } from './merkle.js';
import type { Leaf } from './merkle.js';

const leaves = [1, 2, 3, 4, 5].map((n): Leaf => ({
  id: `leg-${n}`,
  party: 'contributor',
  payee: 'brand:aurora',
  amount: BigInt(n),
  currency: 'CNY',
  day: '2026-03-02',
  postedAt: '2026-03-02T00:00:00Z',
}));

it('does not depend on the order in which the legs come', () => {
  expect(merkleRoot([...leaves].reverse())).toBe(merkleRoot(leaves));
  expect(merkleRoot([])).toBeNull();
});

it.each([0, 1, 2, 3, 4])('changes when leg %i changes or is gone', (index) => {
  const swapped = leaves.map((leaf, i) => (i === index ? { ...leaf, amount: leaf.amount + 1n } : leaf));
  expect(merkleRoot(swapped)).not.toBe(merkleRoot(leaves));
  expect(merkleRoot(leaves.filter((_, i) => i !== index))).not.toBe(merkleRoot(leaves));
});
