import type { Party } from '../parties/party.js';

export interface Funder {
  readonly party: Party;
  readonly shareBp: number;
}

/** `brand:aurora=7000,operator=3000`: funders as stored in a line. */
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

/** The issuer's terms when the points of a lot were issued. They apply to those points regardless of later contracts. */
export interface LotTerms {
  readonly contractVersion: number;
  readonly fundingMode: string;
  readonly funders: readonly Funder[];
  /** Millionths of a minor unit per point. */
  readonly operatorFeeMicro: bigint;
  /** Whether the operator's fee is due when points are redeemed at their own issuer. */
  readonly feeOnOwn: boolean;
  readonly currency: string;
}

/** Points gained or lost by one lot, with its stamps. Points are signed from the member's side. */
export interface Movement {
  readonly lotId: string;
  readonly issuer: Party;
  readonly points: bigint;
  /** The posting that is reversed for these points; empty if none. */
  readonly originalPostingId: string;
  readonly terms: LotTerms;
  readonly campaign: string;
  readonly earnedAt: Date;
  /** Null: never. */
  readonly expiresAt: Date | null;
}

/** The alliance's payment to a redeemer, as in force at the capture. Includes a price promised by a quote. */
export interface RedeemerTerms {
  readonly contractVersion: number;
  /** Millionths of a minor unit per point. */
  readonly reimbursementMicro: bigint;
  readonly currency: string;
}

interface Fact {
  readonly postingId: string;
  readonly walletId: string;
  /** The slug of the brand that acted; empty if the operator acted. */
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
 * A posting of the ledger, reduced to what lines need: the kinds that change what brands owe each other or what is outstanding. A
 * capture contains its redeemer's terms.
 */
export type PostingFact = Fact &
  (
    | { readonly kind: 'accrual' | 'accrual_reversal' | 'redemption_return' | 'expiry' }
    | { readonly kind: 'capture'; readonly redeemerTerms: RedeemerTerms }
  );

export type PricedKind = PostingFact['kind'];
