import { Decimal, MICRO_SCALE } from '#libs/kernel';

export interface ConvertedAmount {
  readonly points: bigint;
  /** Points times price. */
  readonly cost: Decimal;
  /** The amount minus the cost. Kept in the rounding account; written off when points are taken back. */
  readonly remainder: Decimal;
}

/** Whole points that an amount in minor units buys at a price in millionths of a minor unit, with the cost and the remainder. */
export function pointsFor(amount: bigint, priceMicro: bigint): ConvertedAmount {
  const price = Decimal.fromScaled(priceMicro, MICRO_SCALE);
  const points = Decimal.of(amount).divide(price, 'floor');
  const cost = price.mul(points);
  return { points, cost, remainder: Decimal.of(amount).sub(cost) };
}

/**
 * Points to take back when refunds of a conversion grow from `before` minor units by `amount`. The floor applies to the sum of all
 * refunds, so a hundred refunds of one fen take back as many points as one refund of a hundred.
 */
export function pointsBack(before: bigint, amount: bigint, priceMicro: bigint): bigint {
  return pointsFor(before + amount, priceMicro).points - pointsFor(before, priceMicro).points;
}
