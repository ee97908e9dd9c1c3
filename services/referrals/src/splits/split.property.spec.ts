import fc from 'fast-check';
import { clawBacks, NO_CAPS, PARTIES, poolOf, poolOfOrder, SPLIT_RULE, splitOf, sumOf } from './split.js';
import type { Caps, Party, Plan } from './split.js';

const everyone = new Set<Party>(PARTIES);
const plans = fc
  .array(fc.integer({ min: 0, max: 900 }), { minLength: 7, maxLength: 7 })
  .filter((shares) => shares.some((bp) => bp > 0))
  .map((shares): Plan => ({
    rule: SPLIT_RULE,
    poolBp: shares.reduce((a, b) => a + b, 0),
    shares: Object.fromEntries(PARTIES.map((party, index) => [party, shares[index] ?? 0])),
    floorBp: 0,
    restBp: 0,
  }));
const assuring = fc
  .record({ plan: plans, floorBp: fc.integer({ min: 0, max: 900 }), restBp: fc.integer({ min: 0, max: 900 }) })
  .map(({ plan, ...assured }): Plan => ({ ...plan, ...assured }));
const caps = fc.option(fc.bigInt(0n, 50_000n), { nil: null }).map((total): Caps => ({ ...NO_CAPS, total }));

it('spends the pool exactly when every party is present', () => {
  fc.assert(
    fc.property(plans, fc.bigInt(0n, 10n ** 12n), (plan, base) => {
      expect(sumOf(splitOf({ base, rest: 0n }, plan, everyone))).toBe(poolOf(base, plan.poolBp));
    }),
  );
});

it('ends 20,000 random chains of refunds at zero, with no party ever above its target', () => {
  const slices = fc.array(fc.record({ base: fc.bigInt(0n, 20_000n), rest: fc.bigInt(0n, 20_000n) }), {
    minLength: 1,
    maxLength: 6,
  });
  const chains = fc.record({ plan: assuring, caps, refunds: slices, present: fc.subarray([...PARTIES]) });
  fc.assert(
    fc.property(chains, ({ plan, caps: cut, refunds, present }) => {
      const there = new Set<Party>(present);
      let left = refunds.reduce((a, b) => ({ base: a.base + b.base, rest: a.rest + b.rest }));
      const held = new Map(splitOf(left, plan, there, cut));
      if (sumOf(held) > poolOfOrder(left, plan)) throw new Error('more than the pool');
      for (const refund of refunds) {
        left = { base: left.base - refund.base, rest: left.rest - refund.rest };
        const target = splitOf(left, plan, there, cut);
        for (const [party, back] of clawBacks(held, target)) held.set(party, (held.get(party) ?? 0n) - back);
        for (const [party, amount] of held)
          if (amount > (target.get(party) ?? 0n) || amount < 0n) throw new Error(`${party} is above target`);
      }
      if (sumOf(held) !== 0n) throw new Error('something is left');
    }),
    { numRuns: 20_000 },
  );
});
