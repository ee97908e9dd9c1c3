import { fail } from './errors.js';

/** The largest number of points (or minor units) that crosses the wire: 2^53 − 1. */
export const MAX_WIRE_INTEGER = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * A whole number as it goes on the wire.
 * @throws DomainError `amount_out_of_range` beyond ±(2^53 − 1)
 */
export function pointsToJson(value: bigint): number {
  if (value > MAX_WIRE_INTEGER || value < -MAX_WIRE_INTEGER) fail('amount_out_of_range');
  return Number(value);
}

/**
 * A sum as it goes on the wire. Each of its parts is a wire integer, together they may be none: then it stops at ±(2^53 − 1), since one
 * party's figures must not keep others from theirs. Exact amounts travel as decimal text.
 */
export function sumToJson(value: bigint): number {
  if (value > MAX_WIRE_INTEGER) return Number.MAX_SAFE_INTEGER;
  return value < -MAX_WIRE_INTEGER ? -Number.MAX_SAFE_INTEGER : Number(value);
}

/**
 * A sum as it goes on the wire where it must be exact: one that no JavaScript number says stays a bigint, which `exactJson` and
 * `canonicalJson` write as an integer.
 */
export function exactSum(value: bigint): number | bigint {
  return value > MAX_WIRE_INTEGER || value < -MAX_WIRE_INTEGER ? value : Number(value);
}

/**
 * A whole number as it came from the wire.
 * @throws DomainError `amount_out_of_range` for fractions and whatever exceeds 2^53 − 1 in size
 */
export function pointsFromJson(value: unknown): bigint {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) fail('amount_out_of_range');
  return BigInt(value);
}
