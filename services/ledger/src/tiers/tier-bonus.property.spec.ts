import fc from 'fast-check';

import { Decimal } from '#libs/kernel';

import { pointsOn } from '../rules/earning.js';
import { bonusKept, bonusOn, bonusTrace } from './tier-bonus.js';

const terms = fc.record({
  earn: fc.record({ points: fc.bigInt({ min: 1n, max: 30n }), per: fc.bigInt({ min: 1n, max: 120n }) }),
  rounding: fc.constantFrom('floor' as const, 'half_up' as const, 'ceil' as const),
});
const multiplier = fc.integer({ min: 101, max: 500 }).map((hundredths) => Decimal.of(BigInt(hundredths), 2));

describe('the bonus of a rank', () => {
  it('is what multiplying before rounding adds: gold ×1.25 on 56 is 14', () => {
    const rule = { earn: { points: 1n, per: 100n }, rounding: 'floor' as const };
    expect(bonusOn(rule, 5_600n, Decimal.parse('1.25'))).toBe(14n);
    expect(bonusOn(rule, 5_680n, Decimal.parse('1.25'))).toBe(15n);
    const gold = { tier: 'gold', rank: 2, multiplier: '1.25', funder: 'seller' as const, ladderVersion: 1 };
    expect(bonusTrace(gold, 56n, 14n)).toBe('tier gold ×1.25 on 56 = 14');
  });

  it('is kept as the least bonus of any sum between what is left and what was bought', () => {
    fc.assert(
      fc.property(terms, multiplier, fc.nat(2_000), fc.nat(2_000), (rule, times, a, b) => {
        const [left, bought] = [BigInt(Math.min(a, b)), BigInt(Math.max(a, b))];
        let least = bonusOn(rule, left, times);
        for (let net = left; net <= bought; net += 1n) {
          const bonus = bonusOn(rule, net, times);
          if (bonus < least) least = bonus;
        }
        expect(bonusKept(rule, left, bought, times)).toBe(least);
        expect(bonusKept(rule, bought, bought, times)).toBe(bonusOn(rule, bought, times));
        expect(least >= 0n && pointsOn(rule, left) >= 0n).toBe(true);
      }),
    );
  });
});
