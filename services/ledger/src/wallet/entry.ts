/** How each kind of posting moves the balance that a member sees. Pending points count when they are released. */
const SIGNS: Readonly<Record<string, bigint>> = {
  accrual: 1n,
  accrual_pending: 0n,
  accrual_release: 1n,
  accrual_reversal: -1n,
  capture: -1n,
  redemption_return: 1n,
  expiry: -1n,
  // repaying takes points and debt alike
  debt_repayment: 0n,
  transfer_out: -1n,
  transfer_in: 1n,
};

/** The points of an entry with the sign that the member feels, so that a brand's entries sum to what it moved. */
export function entryPoints(kind: string, points: bigint): bigint {
  return (SIGNS[kind] ?? 0n) * points;
}

/** What comes about by time, or by what the member does elsewhere. */
const BY_ITSELF: ReadonlySet<string> = new Set(['accrual_release', 'expiry', 'debt_repayment']);

/**
 * When an entry was posted, as its brand is told. What came about by itself bears its own instant twice: the true one is that of whoever
 * looked at the wallet next, and two brands that saw it could join their members by it.
 */
export function entryPostedAt(kind: string, occurredAt: Date, postedAt: Date): Date {
  return BY_ITSELF.has(kind) ? occurredAt : postedAt;
}

const EARNED = new Set(['accrual', 'accrual_pending', 'accrual_release']);

/** The rules behind what an order earned. The figure that follows `=` in the order's trace is the entry's own points. */
export function entryTrace(kind: string, trace: readonly string[] | null): string[] {
  return trace !== null && EARNED.has(kind) ? trace.map((line) => line.replace(/ = \d+$/, '')) : [];
}
