import { fail } from './errors.js';

/** The largest number of points (or minor units) on the wire: 2^53 − 1. */
export const MAX_WIRE_INTEGER = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Converts a whole number for the wire.
 * @throws DomainError `amount_out_of_range` beyond ±(2^53 − 1)
 */
export function pointsToJson(value: bigint): number {
  if (value > MAX_WIRE_INTEGER || value < -MAX_WIRE_INTEGER) fail('amount_out_of_range');
  return Number(value);
}

/**
 * Converts a sum for the wire. Each summand is a wire integer, but the sum may not be one: then it is capped at ±(2^53 − 1), because one
 * party's figures must not keep others from theirs. Exact amounts are sent as decimal text.
 */
export function sumToJson(value: bigint): number {
  if (value > MAX_WIRE_INTEGER) return Number.MAX_SAFE_INTEGER;
  return value < -MAX_WIRE_INTEGER ? -Number.MAX_SAFE_INTEGER : Number(value);
}

/**
 * Converts a sum for the wire where it must be exact: one too large for a JavaScript number stays a bigint, which `exactJson` and
 * `canonicalJson` write as an integer.
 */
export function exactSum(value: bigint): number | bigint {
  return value > MAX_WIRE_INTEGER || value < -MAX_WIRE_INTEGER ? value : Number(value);
}
