import { sha256Hex, uuidFromDigest } from '#libs/kernel';

/** Types of lines that exist so far, as they stand on the wire. */
export const LINE_TYPES = [
  'accrual',
  'accrual_reversal',
  'redemption',
  'redemption_reversal',
  'expiry',
  'fee',
  'fee_reversal',
  'contributor',
  'contributor_reversal',
  'referral',
  'referral_reversal',
] as const;
export type LineType = (typeof LINE_TYPES)[number];

/** The party that runs the alliance, where a line names a payer or payee. */
export const OPERATOR = 'operator';

/** The people of the alliance together, where a line owes them money. */
export const MEMBERS = 'members';

/** Whether a party of a line is a brand: no brand may bear the name of one that is none. */
export function isBrand(party: string): boolean {
  return party !== OPERATOR && party !== MEMBERS;
}

/**
 * One priced line of the partner ledger. `points` and the amount are signed by type: a reversal is negative, so that it
 * falls into its original's (payer, payee, price) group and undoes it there. The amount is never stored rounded.
 */
export interface Line {
  /** UUID; `ln_…` on the wire. */
  readonly id: string;
  readonly type: LineType;
  readonly postingId: string;
  readonly lotId: string;
  /** Id of the line that this one undoes, where prices were taken from. */
  readonly originalLineId: string | null;
  readonly walletId: string;
  readonly actor: string;
  readonly actorMemberRef: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly payer: string;
  readonly payee: string;
  readonly issuer: string;
  readonly redeemer: string | null;
  readonly store: string | null;
  readonly points: bigint;
  /** Price per point in millionths of a minor unit. */
  readonly priceMicro: bigint;
  /** Amount in millionths of a minor unit of a line that no points stand behind: a commission. 0 where points have a price. */
  readonly fixedMicro: bigint;
  readonly currency: string;
  readonly reference: string | null;
}

/** What a reversal takes over from the line it undoes. */
export type LineTerms = Pick<
  Line,
  'id' | 'payer' | 'payee' | 'issuer' | 'redeemer' | 'store' | 'priceMicro' | 'currency'
>;

/** What a line comes to, exact, in millionths of a minor unit. */
export function amountOf(line: Pick<Line, 'points' | 'priceMicro' | 'fixedMicro'>): bigint {
  return line.points * line.priceMicro + line.fixedMicro;
}

/** Whether the operator is the payee because of the line's type (a brand's slug never decides that). */
export function isFee(type: LineType): boolean {
  return type === 'fee' || type === 'fee_reversal';
}

/**
 * The id of a line follows from what it is about (posting, lot, what it undoes, type), so that an event handled twice
 * makes the same line twice and the second is dropped.
 */
export function lineId(type: LineType, postingId: string, lotId: string, originalPostingId = ''): string {
  return uuidFromDigest(Buffer.from(sha256Hex(`${type}|${postingId}|${lotId}|${originalPostingId}`), 'hex'));
}
