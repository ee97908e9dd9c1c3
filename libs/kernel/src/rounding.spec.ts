import fc from 'fast-check';
import { divRound } from './rounding.js';
import { largestRemainder } from './split.js';

describe('divRound', () => {
  it.each([
    [5n, 2n, 'half_up', 3n],
    [-5n, 2n, 'half_up', -3n],
    [5n, 2n, 'half_even', 2n],
    [7n, 2n, 'half_even', 4n],
    [-5n, 2n, 'floor', -3n],
    [-5n, 2n, 'ceil', -2n],
    [-5n, 2n, 'trunc', -2n],
    [5n, -2n, 'half_up', -3n],
    [6n, 3n, 'half_up', 2n],
  ] as const)('%s / %s %s is %s', (n, d, mode, expected) => {
    expect(divRound(n, d, mode)).toBe(expected);
  });

  it('is never off by more than a half', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
        fc.bigInt({ min: 1n, max: 10n ** 9n }),
        (n, d) => {
          const error = divRound(n, d, 'half_up') * d - n;
          expect((error < 0n ? -error : error) * 2n).toBeLessThanOrEqual(d);
        },
      ),
    );
  });

  it('refuses to divide by zero', () => {
    expect(() => divRound(1n, 0n, 'floor')).toThrow(RangeError);
  });
});

describe('largestRemainder', () => {
  it('splits the pool of 4.00 as the reference does', () => {
    // weights of a 33.33 order in the split waterfall: introducer and guide have the largest remainders
    expect(largestRemainder(400n, [300n, 250n, 300n, 50n, 120n, 80n, 100n])).toEqual([
      100n,
      83n,
      100n,
      17n,
      40n,
      27n,
      33n,
    ]);
  });

  it('sums exactly, is never more than one off the true share and gives nothing to weight zero', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 15n }),
        fc
          .array(fc.bigInt({ min: 0n, max: 10n ** 6n }), { minLength: 1, maxLength: 12 })
          .filter((w) => w.some((x) => x > 0n)),
        (total, weights) => {
          const parts = largestRemainder(total, weights);
          const sum = weights.reduce((a, b) => a + b, 0n);
          expect(parts.reduce((a, b) => a + b, 0n)).toBe(total);
          parts.forEach((part, i) => {
            const off = part * sum - total * (weights[i] ?? 0n);
            expect((off < 0n ? -off : off) < sum).toBe(true);
            if (weights[i] === 0n) expect(part).toBe(0n);
          });
        },
      ),
    );
  });

  it('splits a negative amount as the mirror of the positive one', () => {
    expect(largestRemainder(-100n, [1n, 1n, 1n])).toEqual([-34n, -33n, -33n]);
  });
});
