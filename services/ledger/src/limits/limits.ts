/** Above these somebody else must agree first. */
export const LIMITS = {
  /** Points of one order. */
  order: 10_000_000n,
  /** Points of one grant. */
  grant: 1_000_000n,
  /** Points that a rule gives for one minor unit of money. */
  perMinorUnit: 10n,
} as const;
