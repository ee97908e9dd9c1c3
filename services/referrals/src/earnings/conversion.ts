import { Decimal, MICRO_SCALE } from '#libs/kernel';

export interface ConvertedAmount {
  readonly points: bigint;
  /** Points times price. */
  readonly cost: Decimal;
  /** What the amount is more than the cost: kept in the rounding account, written off when points are taken back. */
  readonly remainder: Decimal;
}

/** Whole points that an amount in minor units buys at a price in millionths of a minor unit; nothing is lost, the rest is told. */
export function pointsFor(amount: bigint, priceMicro: bigint): ConvertedAmount {
  const price = Decimal.fromScaled(priceMicro, MICRO_SCALE);
  const points = Decimal.of(amount).divide(price, 'floor');
  const cost = price.mul(points);
  return { points, cost, remainder: Decimal.of(amount).sub(cost) };
}

/**
 * Points to take back when refunds that had reached `before` minor units of a conversion now reach `amount` more. The floor is of all
 * that they reached, so a hundred slices of one fen take back what one slice of a hundred does.
 */
export function pointsBack(before: bigint, amount: bigint, priceMicro: bigint): bigint {
  return pointsFor(before + amount, priceMicro).points - pointsFor(before, priceMicro).points;
}
