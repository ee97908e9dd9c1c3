import { divRound } from './rounding.js';

/**
 * Splits a whole amount by weights so that the parts sum to it exactly: parts are rounded down first, then the remainder goes in units of
 * one to the largest fractions, ties to the earlier party (Hamilton's method of apportionment).
 *
 * All-zero weights give everything to the first party.
 * @throws RangeError for no parties or a negative weight
 */
export function largestRemainder(total: bigint, weights: readonly bigint[]): bigint[] {
  if (weights.length === 0) throw new RangeError('no party to split among');
  if (weights.some((weight) => weight < 0n)) throw new RangeError('negative weight');
  if (total < 0n) return largestRemainder(-total, weights).map((part) => -part);
  const sum = weights.reduce((a, b) => a + b, 0n);
  if (sum === 0n) return weights.map((_, index) => (index === 0 ? total : 0n));

  const parts = weights.map((weight) => divRound(total * weight, sum, 'floor'));
  const left = total - parts.reduce((a, b) => a + b, 0n);
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (total * weight) % sum }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  for (const { index } of byRemainder.slice(0, Number(left))) parts[index] = (parts[index] ?? 0n) + 1n;
  return parts;
}
