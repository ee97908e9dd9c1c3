import { Decimal, divRound } from '#libs/kernel';

import { pointsOn } from '../rules/earning.js';
import type { RuleVersion } from '../rules/rule.js';
import type { TierBenefit } from './tier.js';

type Terms = Pick<RuleVersion, 'earn' | 'rounding'>;

/** Points of a rule on a sum of money, times the multiplier: multiplied first, then rounded by the rule. */
export function multipliedPoints({ earn, rounding }: Terms, net: bigint, multiplier: Decimal): bigint {
  return divRound(net * earn.points * multiplier.unscaled, earn.per * 10n ** BigInt(multiplier.scale), rounding);
}

export function bonusOn(rule: Terms, net: bigint, multiplier: Decimal): bigint {
  return multipliedPoints(rule, net, multiplier) - pointsOn(rule, net);
}

/** The smallest sum of money for which a rule gives `points`. */
function firstNet({ earn, rounding }: Terms, points: bigint): bigint {
  switch (rounding) {
    case 'floor':
      return divRound(points * earn.per, earn.points, 'ceil');
    case 'half_up':
      return divRound((2n * points - 1n) * earn.per, 2n * earn.points, 'ceil');
    case 'ceil':
      return divRound((points - 1n) * earn.per, earn.points, 'floor') + 1n;
  }
}

/**
 * The bonus that a funder other than the seller still owes for what is left of an order. Because of rounding, the plain difference
 * between multiplied and base points can rise and fall by a point as goods are returned, and a return must not give points back. The
 * result is therefore the least bonus of any sum from what is left up to what was bought. It depends on the two sums alone, never
 * rises with a return, and ends at zero. The rest of the multiplied points is the seller's part; it never rises either.
 */
export function bonusKept(rule: Terms, left: bigint, bought: bigint, multiplier: Decimal): bigint {
  if (left === 0n || rule.earn.points === 0n) return 0n;
  let least = bonusOn(rule, left, multiplier);
  const gain = multiplier.sub(Decimal.of(1n));
  // the bonus falls only where a base point is completed: check those sums until growth exceeds all rounding
  for (let base = pointsOn(rule, left) + 1n; ;) {
    const net = firstNet(rule, base);
    if (net > bought || gain.mul(base - 1n).compare(Decimal.of(least + 2n)) > 0) return least;
    const bonus = bonusOn(rule, net, multiplier);
    if (bonus < least) least = bonus;
    base = pointsOn(rule, net) + 1n;
  }
}

/** The trace of a bonus: `tier gold ×1.25 on 56 = 14`. */
export function bonusTrace({ tier, multiplier }: TierBenefit, base: bigint, bonus: bigint): string {
  return `tier ${tier} ×${multiplier} on ${base} = ${bonus}`;
}
