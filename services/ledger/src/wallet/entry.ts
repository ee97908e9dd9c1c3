/** How each kind of posting changes the balance that a member sees. Pending points count when they are released. */
const SIGNS: Readonly<Record<string, bigint>> = {
  accrual: 1n,
  accrual_pending: 0n,
  accrual_release: 1n,
  accrual_reversal: -1n,
  capture: -1n,
  redemption_return: 1n,
  expiry: -1n,
  // repayment reduces points and debt alike
  debt_repayment: 0n,
  transfer_out: -1n,
  transfer_in: 1n,
};

/** The points of an entry, signed as the member sees them, so that the sum of a brand's entries is what it moved. */
export function entryPoints(kind: string, points: bigint): bigint {
  return (SIGNS[kind] ?? 0n) * points;
}

/** Kinds caused by time, or by the member's actions elsewhere. */
const BY_ITSELF: ReadonlySet<string> = new Set(['accrual_release', 'expiry', 'debt_repayment']);

/**
 * The posting time of an entry, as shown to its brand. Entries caused by time or by actions elsewhere show the time of their cause
 * as both times. Their true posting time is that of the next access to the wallet, and two brands could use it to link their
 * members.
 */
export function entryPostedAt(kind: string, occurredAt: Date, postedAt: Date): Date {
  return BY_ITSELF.has(kind) ? occurredAt : postedAt;
}

const EARNED = new Set(['accrual', 'accrual_pending', 'accrual_release']);

/** The rules behind what an order earned. The amounts after `=` are removed, because the entry has its own points. */
export function entryTrace(kind: string, trace: readonly string[] | null): string[] {
  return trace !== null && EARNED.has(kind) ? trace.map((line) => line.replace(/ = \d+$/, '')) : [];
}
