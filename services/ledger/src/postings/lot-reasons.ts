/** Reasons of points that no brand granted. The reason of a grant is the brand's own word and must not be one of these. */
export const NETWORK_REASONS = [
  'purchase',
  'tier_bonus',
  'referral_rebate',
  'earnings_conversion',
  'debt',
  'debt_write_off',
] as const;

export type NetworkReason = (typeof NETWORK_REASONS)[number];

export function isNetworkReason(reason: string): reason is NetworkReason {
  return (NETWORK_REASONS as readonly string[]).includes(reason);
}
