import { hash } from 'node:crypto';
import { uuidFromText } from '#libs/kernel';
import type { Party } from '../parties/party.js';
import { fundersText } from './posting-fact.js';
import type { Funder } from './posting-fact.js';

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
  'conversion',
  'conversion_reversal',
] as const;
export type LineType = (typeof LINE_TYPES)[number];

/** What was agreed about the points of a line, as stamped when they were issued and redeemed. */
export interface LineStamps {
  readonly issuerContract: number;
  /** Null where nothing was redeemed. */
  readonly redeemerContract: number | null;
  readonly fundingMode: string;
  readonly funders: readonly Funder[];
  readonly campaign: string | null;
  readonly earnedAt: Date;
  /** Null: never. */
  readonly expiresAt: Date | null;
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
  /** The posting that a give-back undoes. */
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
  /** What the points are; null, with the stamps, where the line counts none. */
  readonly asset: string | null;
  readonly points: bigint;
  /** Price per point in millionths of a minor unit. */
  readonly priceMicro: bigint;
  /** Amount in millionths of a minor unit of a line that no points stand behind: commissions, conversions. Else 0. */
  readonly fixedMicro: bigint;
  readonly currency: string;
  readonly reference: string | null;
  readonly stamps: LineStamps | null;
}

/** A line in its cycle. */
export interface FiledLine extends Line {
  readonly cycle: string;
  /** Day of recording in the alliance's zone: that of posting, or the first one after it that was not closed yet. */
  readonly day: string;
  /** Who reads it in full; null: nobody. */
  readonly reader: Party | null;
  /** What the reader knows it by, alone or with the other lots of its posting. */
  readonly ownId: string;
}

/** What a reversal takes over from the line it undoes. */
export interface LineTerms extends Pick<
  Line,
  'id' | 'payer' | 'payee' | 'issuer' | 'redeemer' | 'store' | 'points' | 'priceMicro' | 'currency'
> {
  readonly redeemerContract: number | null;
  /** Points of it that were given back so far; kept for points of several funders alone. */
  readonly returned: bigint;
}

/** What a line comes to, exact, in millionths of a minor unit. */
export function amountOf(line: Pick<Line, 'points' | 'priceMicro' | 'fixedMicro'>): bigint {
  return line.points * line.priceMicro + line.fixedMicro;
}

/** Whether a line is a fee of the operator's, of points or of a commission. */
export function isFee(type: LineType): boolean {
  return type === 'fee' || type === 'fee_reversal';
}

/** Whether a line is points spent, or given back. */
export function isRedemption(type: LineType): boolean {
  return type === 'redemption' || type === 'redemption_reversal';
}

/**
 * The id of a line follows from what it is about (posting, lot, what it undoes, type, and which of several funders pays), so that an event handled twice
 * makes the same line twice and the second is dropped.
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

/** SHA-256 over all that a line says and where it was filed: whoever edits a row afterwards is found by it. */
export function lineDigest(line: FiledLine): Buffer {
  const { stamps } = line;
  const content = [
    line.cycle,
    line.day,
    line.reader,
    line.ownId,
    line.id,
    line.type,
    line.postingId,
    line.lotId,
    line.originalLineId,
    line.originalPostingId,
    line.walletId,
    line.actor,
    line.actorMemberRef,
    line.occurredAt.getTime(),
    line.postedAt.getTime(),
    line.payer,
    line.payee,
    line.issuer,
    line.redeemer,
    line.store,
    line.asset,
    line.points.toString(),
    line.priceMicro.toString(),
    line.fixedMicro.toString(),
    line.currency,
    line.reference,
    stamps === null
      ? null
      : [
          stamps.issuerContract,
          stamps.redeemerContract,
          stamps.fundingMode,
          fundersText(stamps.funders),
          stamps.campaign,
          stamps.earnedAt.getTime(),
          stamps.expiresAt?.getTime() ?? null,
        ],
  ];
  return hash('sha256', JSON.stringify(content), 'buffer');
}
