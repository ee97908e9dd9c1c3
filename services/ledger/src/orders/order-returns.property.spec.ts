import fc from 'fast-check';

import { evaluate } from '../rules/earning.js';
import type { RuleRounding, RuleVersion } from '../rules/rule.js';
import type { TierBenefit } from '../tiers/tier.js';
import { applyReturn, partsOf, reversedParts, targetOf } from './order-returns.js';
import type { OrderLine, ReturnLine } from './order-returns.js';

const rules: RuleVersion[] = (['floor', 'half_up', 'ceil'] as RuleRounding[]).map((rounding, index) => ({
  id: `er_${index}`,
  brand: 'aurora',
  name: rounding,
  version: 1,
  validFrom: new Date(0),
  validTo: null,
  priority: 0,
  match: { stores: [], categories: [rounding], excludeCategories: [], tiers: [] },
  earn: { points: BigInt(1 + index * 2), per: BigInt(100 - index * 7) },
  rounding,
  pendingDays: 0,
  expiry: { kind: 'never' },
}));
const byId = new Map(rules.map((rule) => [rule.id, rule]));

const bought = fc
  .array(
    fc.record({
      category: fc.constantFrom('floor', 'half_up', 'ceil', 'unmatched'),
      quantity: fc.bigInt({ min: 1n, max: 6n }),
      net: fc.bigInt({ min: 0n, max: 100_000n }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((lines) => {
    const numbered = lines.map((line, index) => ({ ...line, lineId: String(index + 1) }));
    const earning = evaluate(rules, { occurredAt: new Date(1), store: null, tier: null, lines: numbered });
    const stored: OrderLine[] = numbered.map((line, index) => ({
      ...line,
      returnedQuantity: 0n,
      returnedNet: 0n,
      ruleId: earning.lines[index]?.ruleId ?? null,
    }));
    return { stored, points: earning.points };
  });

/** Cuts each line in two at the given percentage; the slices of different lines are then shuffled. */
function slices(lines: OrderLine[], cuts: number[]): ReturnLine[] {
  return lines.flatMap((line, index) => {
    const cut = BigInt(cuts[index % cuts.length] ?? 0);
    const net = (line.net * cut) / 100n;
    const quantity = (line.quantity * cut) / 100n;
    return [
      { lineId: line.lineId, quantity, net },
      { lineId: line.lineId, quantity: line.quantity - quantity, net: line.net - net },
    ];
  });
}

describe('the rule of returns', () => {
  it('ends at the same figure for any order and slicing, and at zero when everything is back', () => {
    fc.assert(
      fc.property(
        bought,
        fc.array(fc.nat(100), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { minLength: 16, maxLength: 16 }),
        ({ stored, points }, cuts, order) => {
          const parts = slices(stored, cuts)
            .map((slice, index) => ({ slice, rank: order[index] ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ slice }) => slice);
          let lines = stored;
          let earned = points;
          let reversed = 0n;
          for (const part of parts) {
            lines = applyReturn(lines, [part]);
            const target = targetOf(lines, byId).points;
            expect(target <= earned).toBe(true);
            reversed += earned - target;
            earned = target;
          }
          expect(earned).toBe(0n);
          expect(reversed).toBe(points);
        },
      ),
    );
  });

  it('depends only on what is left, not on the steps', () => {
    fc.assert(
      fc.property(bought, fc.array(fc.nat(100), { minLength: 1, maxLength: 8 }), ({ stored }, cuts) => {
        const half = slices(stored, cuts).filter((_, index) => index % 2 === 0);
        const oneByOne = half.reduce((lines, part) => applyReturn(lines, [part]), stored);
        const atOnce = applyReturn(stored, half);
        const backwards = [...half].reverse().reduce((lines, part) => applyReturn(lines, [part]), stored);
        expect(targetOf(oneByOne, byId)).toEqual(targetOf(atOnce, byId));
        expect(targetOf(backwards, byId)).toEqual(targetOf(atOnce, byId));
      }),
    );
  });

  it('never takes back more than was bought', () => {
    fc.assert(
      fc.property(bought, ({ stored }) => {
        const everything = stored.map(({ lineId, quantity, net }) => ({ lineId, quantity, net }));
        const gone = applyReturn(stored, everything);
        const first = everything.slice(0, 1).map((line) => ({ ...line, quantity: 1n, net: 0n }));
        expect(() => applyReturn(gone, first)).toThrow();
        expect(() => applyReturn(stored, [{ lineId: 'other', quantity: 1n, net: 1n }])).toThrow();
      }),
    );
  });
});

const multipliers = fc
  .record({
    hundredths: fc.integer({ min: 101, max: 400 }),
    funder: fc.constantFrom('seller' as const, 'operator' as const),
  })
  .map(({ hundredths, funder }): TierBenefit => ({
    tier: 'gold',
    rank: 2,
    multiplier: (hundredths / 100).toFixed(2),
    funder,
    ladderVersion: 1,
  }));

describe('the rule of returns with a rank’s bonus', () => {
  const sum = (parts: readonly { points: bigint }[]): bigint => parts.reduce((total, { points }) => total + points, 0n);

  it('applies to base and bonus together and to each issuer: no part ever rises, all end at zero', () => {
    fc.assert(
      fc.property(
        bought,
        multipliers,
        fc.array(fc.nat(100), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { minLength: 16, maxLength: 16 }),
        ({ stored }, tier, cuts, order) => {
          const parts = slices(stored, cuts)
            .map((slice, index) => ({ slice, rank: order[index] ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ slice }) => slice);
          let lines = stored;
          let before = partsOf(lines, byId, 'aurora', tier);
          const bonus = sum(before) - targetOf(lines, byId).points;
          // before any return, the seller owes the base and the funder owes the tier bonus
          if (tier.funder === 'operator') expect(before[1]?.points).toBe(bonus);
          for (const part of parts) {
            lines = applyReturn(lines, [part]);
            const after = partsOf(lines, byId, 'aurora', tier);
            const reversed = reversedParts(before, after);
            expect(reversed.every(({ points }) => points > 0n)).toBe(true);
            expect(sum(after)).toBe(sum(before) - sum(reversed));
            expect(sum(after) >= targetOf(lines, byId).points).toBe(true);
            expect(after.every(({ points }) => points >= 0n)).toBe(true);
            before = after;
          }
          expect(sum(before)).toBe(0n);
          expect(before.every(({ points }) => points === 0n)).toBe(true);
        },
      ),
    );
  });
});
