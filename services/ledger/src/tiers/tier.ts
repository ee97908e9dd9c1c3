import { Decimal } from '#libs/kernel';

/** The issuer, and so funder, of the points that a tier adds: the selling brand or the operator. */
export type BonusFunder = 'seller' | 'operator';

/** A tier's effect on an order, stored with the order so that its returns can always be computed. */
export interface TierBenefit {
  tier: string;
  rank: number;
  /** Decimal factor on an order's base points. */
  multiplier: string;
  funder: BonusFunder;
  ladderVersion: number;
}

/** A tier from an instant (milliseconds) until the next step. */
export interface TierStep extends TierBenefit {
  since: number;
}

/** All tiers of a member, as last reported by membership. */
export interface MemberTier {
  walletId: string;
  /** Grows with every change; a version that is not newer is ignored. */
  version: number;
  /** Oldest first; empty for a member who never had a tier. */
  steps: readonly TierStep[];
}

/** The tier in force at an instant; null for the lowest, which everyone has and which adds nothing. */
export function tierAt({ steps }: MemberTier, at: Date): TierBenefit | null {
  const step = steps.findLast(({ since }) => since <= at.getTime());
  return step === undefined || step.rank === 0 ? null : step;
}

/** Whether a tier adds points: a multiplier of one or less adds none. */
export function addsPoints({ multiplier }: TierBenefit): boolean {
  return Decimal.parse(multiplier).compare(Decimal.of(1n)) > 0;
}
