import { clawBacks, NO_CAPS, PARTIES, SPLIT_RULE, splitOf, sumOf } from './split.js';
import type { Bases, Party, Plan } from './split.js';

/** The table of the alliance's distribution rules: seven parties share 12 %. */
const seven: Plan = {
  rule: SPLIT_RULE,
  poolBp: 1_200,
  floorBp: 0,
  restBp: 0,
  shares: {
    memberRebate: 300,
    contributor: 250,
    distributor: 300,
    introducer: 50,
    store: 120,
    guide: 80,
    operator: 100,
  },
};
const goods = (base: bigint): Bases => ({ base, rest: 0n });
const everyone = new Set<Party>(PARTIES);
const amounts = (base: bigint, plan = seven, present: ReadonlySet<Party> = everyone): number[] =>
  PARTIES.map((party) => Number(splitOf(goods(base), plan, present).get(party) ?? 0n));

it.each([
  [10_000n, [300, 250, 300, 50, 120, 80, 100]],
  // 3.9996 rounds once to 4.00; the two fen left by the floors go to introducer and guide
  [3_333n, [100, 83, 100, 17, 40, 27, 33]],
  [6_000n, [180, 150, 180, 30, 72, 48, 60]],
  [0n, [0, 0, 0, 0, 0, 0, 0]],
])('splits the pool of %s among seven', (base, expected) => {
  expect(amounts(base)).toEqual(expected);
});

it('gives the share of an absent party back to the payer, not to the others', () => {
  const present = new Set<Party>(['contributor', 'store']);
  expect(amounts(10_000n, seven, present)).toEqual([0, 250, 0, 0, 120, 0, 0]);
});

it('ends at zero for every party after refunds of 33.33, 33.33 and 33.34', () => {
  let held = new Map(splitOf(goods(10_000n), seven, everyone));
  for (const remaining of [6_667n, 3_334n, 0n]) {
    for (const [party, back] of clawBacks(held, splitOf(goods(remaining), seven, everyone)))
      held = held.set(party, (held.get(party) ?? 0n) - back);
  }
  expect([...held.values()].every((amount) => amount === 0n)).toBe(true);
});

it('reproduces the worked settlement example: 100.00 of 1,000.00, then 40 % back', () => {
  const plan: Plan = {
    rule: SPLIT_RULE,
    poolBp: 1_000,
    floorBp: 0,
    restBp: 0,
    shares: { contributor: 200, distributor: 600, introducer: 100, operator: 100 },
  };
  const held = splitOf(goods(100_000n), plan, everyone);
  expect(Object.fromEntries(held)).toEqual({
    contributor: 2_000n,
    distributor: 6_000n,
    introducer: 1_000n,
    operator: 1_000n,
  });
  const back = clawBacks(held, splitOf(goods(60_000n), plan, everyone));
  expect(Object.fromEntries(back)).toEqual({
    contributor: 800n,
    distributor: 2_400n,
    introducer: 400n,
    operator: 400n,
  });
});

it('cuts by party first and then as a whole; nobody gets the cut', () => {
  const byParty = new Map<Party, bigint>([['distributor', 100n]]);
  expect(splitOf(goods(10_000n), seven, everyone, { ...NO_CAPS, byParty }).get('distributor')).toBe(100n);
  expect(sumOf(splitOf(goods(10_000n), seven, everyone, { total: 601n, byParty }))).toBe(601n);
  expect(sumOf(splitOf(goods(10_000n), seven, everyone, { total: 0n, byParty }))).toBe(0n);
});

describe('the contributor’s floor', () => {
  const plan: Plan = {
    rule: SPLIT_RULE,
    poolBp: 1_000,
    shares: { contributor: 200, distributor: 800 },
    floorBp: 150,
    restBp: 200,
  };
  it.each<[string, bigint, bigint, bigint | null, number[]]>([
    ['the default on the rest', 1_000n, 99_000n, null, [2_000, 80]],
    ['that and the floor, where a budget leaves nothing', 1_000n, 99_000n, 0n, [15 + 1_980, 0]],
    // 85 are cut to 40: of the contributor's 5 above the floor and the distributor's 80
    ['and its part of what is left', 1_000n, 99_000n, 40n, [15 + 2 + 1_980, 38]],
    ['never more than the offer’s share', 0n, 0n, null, [0, 0]],
  ])('is %s', (_, base, rest, total, [contributor, distributor]) => {
    const split = splitOf({ base, rest }, plan, everyone, { ...NO_CAPS, total });
    expect([split.get('contributor'), split.get('distributor')].map(Number)).toEqual([contributor, distributor]);
  });
});
