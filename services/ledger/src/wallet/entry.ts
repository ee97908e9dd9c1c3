import { requestHash } from '#libs/kernel';

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

/**
 * A place among a brand's entries of a wallet as a UUID: the version of its posting, then a digest of both and the
 * wallet's byte. No other brand can use it for its own member: that it can would tell it who the member is. It must be masked before it is shown, because versions
 * count what happens at other brands.
 */
export function entryPlace(brand: string, walletId: string, version: bigint): string {
  const hex = version.toString(16).padStart(16, '0') + digestOf(brand, walletId);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The version in a place made by {@link entryPlace}; null if it is of another brand or wallet, or was not made so. */
export function versionAt(brand: string, walletId: string, place: string): bigint | null {
  const hex = place.replaceAll('-', '');
  return hex.slice(16) === digestOf(brand, walletId) ? BigInt(`0x${hex.slice(0, 16)}`) : null;
}

function digestOf(brand: string, walletId: string): string {
  return requestHash([brand, walletId]).toString('hex').slice(0, 14) + walletId.slice(-2);
}
