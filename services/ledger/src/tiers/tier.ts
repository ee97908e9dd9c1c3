import { Decimal } from '#libs/kernel';

/** Who issues, and so pays for, the points that a rank adds: the selling brand or the operator. */
export type BonusFunder = 'seller' | 'operator';

/** What a rank does for an order, kept with the order so that its returns can be worked out forever. */
export interface TierBenefit {
  tier: string;
  rank: number;
  /** Decimal: an order earns this many times its base points. */
  multiplier: string;
  funder: BonusFunder;
  ladderVersion: number;
}

/** A rank from an instant on (milliseconds), until the next step. */
export interface TierStep extends TierBenefit {
  since: number;
}

/** All ranks of a member as membership told them last. */
export interface MemberTier {
  walletId: string;
  /** Grows with every change; what is not newer is ignored. */
  version: number;
  /** Oldest first; none for a member who never had a rank. */
  steps: readonly TierStep[];
}

/** The rank in force when something happened; null for the lowest, which everyone has and which adds nothing. */
export function tierAt({ steps }: MemberTier, at: Date): TierBenefit | null {
  const step = steps.findLast(({ since }) => since <= at.getTime());
  return step === undefined || step.rank === 0 ? null : step;
}

/** Whether a rank adds points at all: a multiplier of one or less adds none. */
export function addsPoints({ multiplier }: TierBenefit): boolean {
  return Decimal.parse(multiplier).compare(Decimal.of(1n)) > 0;
}
