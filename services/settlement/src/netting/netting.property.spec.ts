import fc from 'fast-check';
import { net, roundGroup } from './netting.js';
import type { GroupKind, PriceGroup } from './netting.js';

const BRANDS = ['a', 'b', 'c', 'd', 'e'].map((slug) => `brand:${slug}`);

const aGroup: fc.Arbitrary<PriceGroup> = fc
  .record({
    payer: fc.constantFrom(...BRANDS),
    payee: fc.constantFrom(...BRANDS),
    kind: fc.constantFrom<GroupKind>('reimbursement', 'fee', 'commission'),
    asset: fc.constant('PTS'),
    priceMicro: fc.bigInt(1n, 5_000_000n),
    points: fc.bigInt(-(10n ** 9n), 10n ** 12n),
  })
  .map((g) => ({ ...g, payee: g.kind === 'fee' ? 'operator' : g.payee, amountMicro: g.points * g.priceMicro }))
  .map((g) => (g.payer === g.payee ? { ...g, priceMicro: 0n, amountMicro: 0n } : g));

describe('netting, for any groups', () => {
  it('sums to exactly 0 with the operator', () => {
    fc.assert(
      fc.property(fc.array(aGroup), (groups) => {
        const result = net(groups);
        expect([...result.positions.values()].reduce((s, v) => s + v, 0n)).toBe(0n);
      }),
    );
  });

  it('gives each brand what its gross lines give it', () => {
    fc.assert(
      fc.property(fc.array(aGroup), (groups) => {
        const result = net(groups);
        for (const brand of BRANDS) {
          let expected = 0n;
          for (const g of groups) {
            if (g.payee === brand) expected += roundGroup(g.amountMicro);
            if (g.payer === brand) expected -= roundGroup(g.amountMicro);
          }
          expect(result.positions.get(brand) ?? 0n).toBe(expected);
        }
      }),
    );
  });

  it('never moves more than gross', () => {
    fc.assert(
      fc.property(fc.array(aGroup), (groups) => {
        const result = net(groups);
        expect(result.netted <= result.gross).toBe(true);
        expect(result.netted >= 0n).toBe(true);
      }),
    );
  });

  it('does not depend on the order of groups', () => {
    fc.assert(
      fc.property(
        fc
          .array(aGroup)
          .chain((groups) => fc.tuple(fc.constant(groups), fc.shuffledSubarray(groups, { minLength: groups.length }))),
        ([groups, shuffled]) => {
          const [one, other] = [net(groups), net(shuffled)];
          expect(Object.fromEntries([...other.positions].sort())).toEqual(
            Object.fromEntries([...one.positions].sort()),
          );
          expect([other.gross, other.netted, other.remainderMicro]).toEqual([
            one.gross,
            one.netted,
            one.remainderMicro,
          ]);
        },
      ),
    );
  });

  it('leaves less than half a unit a group to rounding', () => {
    fc.assert(
      fc.property(fc.array(aGroup), (groups) => {
        const rest = net(groups).remainderMicro;
        expect((rest < 0n ? -rest : rest) * 2n <= BigInt(groups.length) * 1_000_000n).toBe(true);
      }),
    );
  });
});
