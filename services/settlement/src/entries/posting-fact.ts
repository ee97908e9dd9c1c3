import { dayBounds } from '#libs/kernel';
import type { Party } from '../parties/party.js';

/** Who pays for points, and for how much of them. */
export interface Funder {
  readonly party: Party;
  readonly shareBp: number;
}

/** `brand:aurora=7000,operator=3000`: funders as a line keeps them. */
export function fundersText(funders: readonly Funder[]): string {
  return funders.map(({ party, shareBp }) => `${party}=${shareBp}`).join(',');
}

/** The inverse of {@link fundersText}. */
export function fundersOf(text: string): Funder[] {
  return text.split(',').map((part) => {
    const at = part.lastIndexOf('=');
    return { party: part.slice(0, at), shareBp: Number(part.slice(at + 1)) };
  });
}

/** What the issuer agreed to when the points of a lot were issued: it holds for them whatever becomes of the contract. */
export interface LotTerms {
  readonly contractVersion: number;
  readonly fundingMode: string;
  readonly funders: readonly Funder[];
  /** Millionths of a minor unit per point. */
  readonly operatorFeeMicro: bigint;
  /** Whether the operator's fee is due when points are redeemed at the brand that issued them. */
  readonly feeOnOwn: boolean;
  readonly currency: string;
}

/** What one lot gained or lost, with its stamps. Points are signed from the member's side. */
export interface Movement {
  readonly lotId: string;
  readonly issuer: Party;
  readonly points: bigint;
  /** The posting that is undone for these points; empty when nothing is undone. */
  readonly originalPostingId: string;
  readonly terms: LotTerms;
  readonly campaign: string;
  readonly earnedAt: Date;
  /** Null: never. */
  readonly expiresAt: Date | null;
}

/** What the alliance pays a redeemer, as in force at the capture. A price that a quote promised is already in it. */
export interface RedeemerTerms {
  readonly contractVersion: number;
  /** Millionths of a minor unit per point. */
  readonly reimbursementMicro: bigint;
  readonly currency: string;
}

interface Fact {
  readonly postingId: string;
  readonly walletId: string;
  /** The slug of the brand that acted; empty for the operator's own acts. */
  readonly actor: string;
  /** The member under the acting brand's own pseudonym. */
  readonly actorMemberRef: string;
  readonly store: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly reference: string;
  readonly asset: string;
  readonly movements: readonly Movement[];
}

/**
 * What the ledger says happened, reduced to what lines need: the kinds of postings that change what brands owe each other or
 * what is outstanding. A capture says what its redeemer gets.
 */
export type PostingFact = Fact &
  (
    | { readonly kind: 'accrual' | 'accrual_reversal' | 'redemption_return' | 'expiry' }
    | { readonly kind: 'capture'; readonly redeemerTerms: RedeemerTerms }
  );

export type PricedKind = PostingFact['kind'];

/**
 * The fact as lines may tell it. Points that expire are taken away when somebody next looks at the wallet, be it another brand, so the
 * instant of that tells its brand more than it may know: it is the points' own instead, or the beginning of the day, which the day and the
 * cycle of the line are the same for.
 */
export function asTold(fact: PostingFact, zone: string): PostingFact {
  if (fact.kind !== 'expiry') return fact;
  const { from } = dayBounds(fact.postedAt, zone);
  return { ...fact, postedAt: fact.occurredAt > from && fact.occurredAt < fact.postedAt ? fact.occurredAt : from };
}
