import { uuidFromText } from '#libs/kernel';
import type { Party } from '../parties/party.js';
import type { Funder } from './posting-fact.js';

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
  'conversion',
  'conversion_reversal',
] as const;
export type LineType = (typeof LINE_TYPES)[number];

/** Contract terms for the points of a line, as stamped at issue and redemption. */
export interface LineStamps {
  readonly issuerContract: number;
  /** Null if nothing was redeemed. */
  readonly redeemerContract: number | null;
  readonly fundingMode: string;
  readonly funders: readonly Funder[];
  readonly campaign: string | null;
  readonly earnedAt: Date;
  /** Null: never. */
  readonly expiresAt: Date | null;
}

/**
 * One priced line of the partner ledger. `points` and the amount are signed by type: a reversal is negative, so it falls into the
 * (payer, payee, price) group of its original and cancels it there. The amount is never stored rounded.
 */
export interface Line {
  /** UUID; `ln_…` on the wire. */
  readonly id: string;
  readonly type: LineType;
  readonly postingId: string;
  readonly lotId: string;
  /** Id of the line that this one reverses and whose prices it uses. */
  readonly originalLineId: string | null;
  /** The posting that a give-back reverses. */
  readonly originalPostingId: string | null;
  readonly walletId: string;
  /** Slug of the brand that acted; empty for the operator. */
  readonly actor: string;
  readonly actorMemberRef: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly payer: Party;
  readonly payee: Party;
  readonly issuer: Party;
  readonly redeemer: Party | null;
  readonly store: string | null;
  /** The asset of the points; null, like the stamps, if the line counts no points. */
  readonly asset: string | null;
  readonly points: bigint;
  /** Price per point in millionths of a minor unit. */
  readonly priceMicro: bigint;
  /** Amount in millionths of a minor unit of a line without points: commissions, conversions. Else 0. */
  readonly fixedMicro: bigint;
  readonly currency: string;
  readonly reference: string | null;
  readonly stamps: LineStamps | null;
}

export interface FiledLine extends Line {
  readonly cycle: string;
  /** Day of recording in the alliance's zone: the day of posting, or the first later day that was not closed. */
  readonly day: string;
  /** The party that reads the line in full; null: nobody. */
  readonly reader: Party | null;
  /** The reader's id of the line, or of all lots of its posting. */
  readonly ownId: string;
}

/** Fields that a reversal copies from its original line. */
export interface LineTerms extends Pick<
  Line,
  'id' | 'payer' | 'payee' | 'issuer' | 'redeemer' | 'store' | 'points' | 'priceMicro' | 'currency'
> {
  readonly redeemerContract: number | null;
  /** Points given back so far; only kept for points with several funders. */
  readonly returned: bigint;
}

/** Amount of a line, exact, in millionths of a minor unit. */
export function amountOf(line: Pick<Line, 'points' | 'priceMicro' | 'fixedMicro'>): bigint {
  return line.points * line.priceMicro + line.fixedMicro;
}

/** Whether a line is an operator fee, on points or on a commission. */
export function isFee(type: LineType): boolean {
  return type === 'fee' || type === 'fee_reversal';
}

export function isRedemption(type: LineType): boolean {
  return type === 'redemption' || type === 'redemption_reversal';
}

/**
 * The id of a line is derived from its content (posting, lot, reversed line, type, and funder if several), so an event handled
 * twice makes the same line and the duplicate is dropped.
 */
export function lineId(
  type: LineType,
  postingId: string,
  lotId: string,
  originalPostingId = '',
  funder: Party | null = null,
): string {
  const one = funder === null ? '' : `|${funder}`;
  return uuidFromText(`${type}|${postingId}|${lotId}|${originalPostingId}${one}`);
}
