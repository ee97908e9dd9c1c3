import fc from 'fast-check';
import { splitInTurn } from './split.js';

const weights = fc
  .array(fc.bigInt({ min: 0n, max: 40n }), { minLength: 1, maxLength: 6 })
  .filter((list) => list.some((weight) => weight > 0n));

/** Points given out one by one: each to the party with the smallest (given + ½) / weight. */
function oneByOne(total: number, list: readonly bigint[]): bigint[] {
  const given = list.map(() => 0);
  for (let point = 0; point < total; point += 1) {
    let best = -1;
    for (const [i, weight] of list.entries()) {
      if (weight === 0n) continue;
      const behind = (of: number): number => ((given[of] ?? 0) + 0.5) / Number(list[of]);
      if (best === -1 || behind(i) < behind(best) - 1e-12) best = i;
    }
    given[best] = (given[best] ?? 0) + 1;
  }
  return given.map(BigInt);
}

describe('points split in turn', () => {
  it('go one by one to whoever is furthest behind', () => {
    fc.assert(
      fc.property(weights, fc.nat(120), (list, total) => {
        expect(splitInTurn(BigInt(total), list)).toEqual(oneByOne(total, list));
      }),
    );
  });

  it('sum to the total, never fall as it grows, and are the weights at their sum', () => {
    const large = fc.bigInt({ min: 0n, max: 2n ** 60n });
    fc.assert(
      fc.property(
        fc.array(large, { minLength: 1, maxLength: 5 }),
        fc.bigInt({ min: 0n, max: 1_000_000n }),
        (list, share) => {
          const sum = list.reduce((a, b) => a + b, 0n);
          if (sum === 0n) return;
          expect(splitInTurn(sum, list)).toEqual(list);
          const total = (sum * share) / 1_000_000n;
          const [parts, more] = [splitInTurn(total, list), splitInTurn(total + 1n, list)];
          expect(parts.reduce((a, b) => a + b, 0n)).toBe(total);
          parts.forEach((part, i) => expect(more[i]).toBeGreaterThanOrEqual(part));
        },
      ),
    );
  });

  it('are refused where there is nothing to split by', () => {
    expect(splitInTurn(0n, [0n, 0n])).toEqual([0n, 0n]);
    for (const [total, list] of [
      [-1n, [1n]],
      [1n, [0n]],
      [1n, [-1n, 2n]],
    ] as const)
      expect(() => splitInTurn(total, list)).toThrow(RangeError);
  });
});
