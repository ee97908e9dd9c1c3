import { sumOfTakings, takeFrom } from './takings.js';
import type { FreeShare } from './takings.js';

const share = (commissionId: string, free: bigint): FreeShare => ({
  commissionId,
  party: 'distributor',
  owner: 'wallet:w',
  free,
});
const shares = [share('a', 300n), share('b', 500n)];
const debt = { drawId: 'd', owner: 'wallet:w', open: 400n };
const drawn = (wanted: bigint | null, debts = [debt]): unknown[] =>
  takeFrom(shares, debts, wanted).map(({ share: { commissionId }, repays, amount }) => [commissionId, repays, amount]);

it.each<[string, unknown[], unknown[]]>([
  [
    'repays debts first, then takes all',
    drawn(null),
    [
      ['a', 'd', 300n],
      ['b', 'd', 100n],
      ['b', null, 400n],
    ],
  ],
  [
    'takes no more than is wanted',
    drawn(250n),
    [
      ['a', 'd', 300n],
      ['b', 'd', 100n],
      ['b', null, 250n],
    ],
  ],
  [
    'takes no more than there is',
    drawn(1_000n, []),
    [
      ['a', null, 300n],
      ['b', null, 500n],
    ],
  ],
  [
    'only repays where the debt is larger',
    drawn(10n, [{ ...debt, open: 900n }]),
    [
      ['a', 'd', 300n],
      ['b', 'd', 500n],
    ],
  ],
])('%s', (_, takings, expected) => {
  expect(takings).toEqual(expected);
});

it('sums draws that repay and those that do not', () => {
  const takings = takeFrom(shares, [debt], null);
  expect([sumOfTakings(takings, true), sumOfTakings(takings, false)]).toEqual([400n, 400n]);
});
