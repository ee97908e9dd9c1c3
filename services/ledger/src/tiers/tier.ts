import { Decimal } from '#libs/kernel';

/** Who issues, and so pays for, the points that a rank adds: the selling brand or the operator. */
export type BonusFunder = 'seller' | 'operator';

/** What a rank does for an order, kept with the order so that its returns can be worked out for ever. */
export interface TierBenefit {
  tier: string;
  rank: number;
  /** Decimal: an order earns this many times its base points. */
  multiplier: string;
  funder: BonusFunder;
  ladderVersion: number;
}

/** A member's rank as membership told it last. */
export interface MemberTier extends TierBenefit {
  walletId: string;
  since: Date | null;
  /** Null: until something changes. */
  until: Date | null;
  /** Grows with every change; what is not newer is ignored. */
  version: number;
}

/** The rank that counts for something that happened at `at`; null when the member had none that is known. */
export function tierAt(tier: MemberTier | null, at: Date): MemberTier | null {
  if (tier === null || (tier.since !== null && at < tier.since)) return null;
  return tier.until !== null && at >= tier.until ? null : tier;
}

/** Whether a rank adds points at all: a multiplier of one or less adds none. */
export function addsPoints({ multiplier }: TierBenefit): boolean {
  return Decimal.parse(multiplier).compare(Decimal.of(1n)) > 0;
}
