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

/**
 * Splits points one by one, each to the party that is furthest behind its share (Webster's method of highest averages; on a tie the earlier
 * party). So the parts of a larger total are never smaller, and a total equal to the sum of the weights gives the weights.
 * @param total at least 0
 * @param weights whole, not negative, not all 0 unless the total is 0
 */
export function splitInTurn(total: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((a, b) => a + b, 0n);
  if (total < 0n || weights.some((weight) => weight < 0n) || (sum === 0n && total !== 0n))
    throw new RangeError('nothing to split by');
  const parts = weights.map((weight) => (sum === 0n ? 0n : (total * weight) / sum));
  const parties = weights.map((_, index) => index).filter((index) => weights[index] !== 0n);
  const [part, weight] = [(i: number) => parts[i] ?? 0n, (i: number) => weights[i] ?? 0n];
  // whether point number `p` of party `i` comes before number `q` of party `j`: (p − ½) / weight, smallest first
  const before = (i: number, p: bigint, j: number, q: bigint): boolean => {
    const [a, b] = [(2n * p - 1n) * weight(j), (2n * q - 1n) * weight(i)];
    return a === b ? i < j : a < b;
  };
  const next = (): number => parties.reduce((i, j) => (before(j, part(j) + 1n, i, part(i) + 1n) ? j : i));
  const last = (): number => parties.reduce((i, j) => (before(i, part(i), j, part(j)) ? j : i));
  for (let left = total - parts.reduce((a, b) => a + b, 0n); left > 0n; left -= 1n) {
    const to = next();
    parts[to] = part(to) + 1n;
  }
  if (parties.length === 0) return parts;
  for (;;) {
    const [from, to] = [last(), next()];
    if (!before(to, part(to) + 1n, from, part(from))) return parts;
    parts[from] = part(from) - 1n;
    parts[to] = part(to) + 1n;
  }
}
