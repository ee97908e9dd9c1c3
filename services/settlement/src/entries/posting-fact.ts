/** What the ledger says happened, reduced to what prices need. Points are signed from the member's side. */
export interface Movement {
  readonly lotId: string;
  readonly issuer: string;
  readonly points: bigint;
  /** The posting that is undone for these points; empty when nothing is undone. */
  readonly originalPostingId: string;
}

/** Kinds of postings that change what brands owe each other or what is outstanding. */
export type PricedKind = 'accrual' | 'accrual_reversal' | 'capture' | 'redemption_return' | 'expiry';

export interface PostingFact {
  readonly postingId: string;
  readonly kind: PricedKind;
  readonly walletId: string;
  /** The brand that acted; empty for the operator's own acts. */
  readonly actor: string;
  /** The member under the acting brand's own pseudonym. */
  readonly actorMemberRef: string;
  readonly store: string;
  readonly occurredAt: Date;
  readonly postedAt: Date;
  readonly reference: string;
  /** Reimbursement price promised by a quote, in millionths of a minor unit; null without one. */
  readonly quotedReimbursementMicro: bigint | null;
  readonly movements: readonly Movement[];
}
