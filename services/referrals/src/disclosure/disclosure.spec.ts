import { disclosureOf } from './disclosure.js';

it.each<[number[], Record<string, unknown>]>([
  [[], { distributors: 0, shareWithZero: '0.0000', median: 0n, total: 0n, topTenthShare: '0.0000', gini: '0.0000' }],
  [[5, 5, 5, 5], { distributors: 4, shareWithZero: '0.0000', median: 5n, topTenthShare: '0.2500', gini: '0.0000' }],
  [[0, 0, 0, 100], { shareWithZero: '0.7500', median: 0n, topTenthShare: '1.0000', gini: '0.7500' }],
  [[1, 2, 3, -4], { shareWithZero: '0.2500', median: 1n, total: 6n, gini: '0.4167' }],
])('of %j', (earnings, expected) => {
  expect(disclosureOf(earnings.map(BigInt))).toMatchObject(expected);
});
