import type { ContractTerms } from './contract-terms.js';
import type { Place } from './place.js';

/**
 * What the ledger core is asked and what it answers. Pure types: every feature of the service builds one of these operations and
 * hands it to `Postings`; PostgreSQL decides.
 *
 * Ids are plain UUIDs made by the caller (`uuidv7For` the wallet); prefixes belong to the wire. Points are bigint and always positive.
 */

/** The permanent business key of an operation, and what was asked under it. */
export interface OperationKey {
  /** Whose key space `externalId` lives in: the brand's slug; `'*'` for the operator's own acts. */
  readonly brand: string;
  readonly externalId: string;
  /** 16 bytes over the canonical request: same key with another hash is `idempotency_conflict`. */
  readonly requestHash: Buffer;
  /** The `Idempotency-Key` header, when the caller sent one. */
  readonly transportKey?: string | null;
  /** What the caller wants to find again on a replay (status, body template); stored verbatim beside the numbers computed inside. */
  readonly result: unknown;
}

/** An operation on one wallet at one instant of the alliance clock. */
export interface WalletOperation extends OperationKey {
  readonly walletId: string;
  readonly postedAt: Date;
  readonly occurredAt: Date;
  /** Latest real time (ms since epoch) at which it may still be sent to the database; later it is dropped with `unavailable`. */
  readonly deadline?: number;
}

export interface NewLot {
  readonly id: string;
  readonly points: bigint;
  /** Null or not after `postedAt`: spendable at once. Later: pending until then. */
  readonly availableFrom: Date | null;
  readonly expiresAt: Date | null;
  readonly campaign: string | null;
  /** Whose debt the points are, and what was agreed with that issuer when they were given. */
  readonly terms: ContractTerms;
  /** Pending until the order is delivered, whenever that is. */
  readonly untilDelivered?: boolean;
  /** Where alone they can be spent; absent: everywhere. */
  readonly places?: readonly Place[];
  /** One of the network's own (`NETWORK_REASONS`), or the reason of a grant. */
  readonly reason: string;
  readonly ruleId?: string | null;
}

/** What makes an order of an accrual. Its `result` is the order as bought, lines and rules and points: returns recompute it from that. */
export interface NewPurchase {
  readonly currency: string;
  readonly campaign: string | null;
}

/** The day in which an accrual counts. */
export interface AccrualDay {
  readonly from: Date;
  /** Points that the brand gives the wallet within it; more gives verdict `over_day` and stores nothing. Null: any. */
  readonly limit: number | null;
}

export type Accrual = OrderAccrual | GrantAccrual;

export interface OrderAccrual extends AnyAccrual {
  readonly kind: 'order';
  readonly purchase: NewPurchase;
  readonly originId?: undefined;
}

export interface GrantAccrual extends AnyAccrual {
  readonly kind: 'grant' | 'reward';
  readonly purchase?: undefined;
  /** Under what the lots stand, where several grants belong together: what is taken back goes to all of them. Absent: the grant itself. */
  readonly originId?: string;
}

interface AnyAccrual extends WalletOperation {
  /** Id of the order or grant. */
  readonly id: string;
  /** Null where no brand brought the points: the member is known by the wallet alone. */
  readonly memberRef: string | null;
  readonly store: string | null;
  readonly issuer: string;
  /** May be empty: an order that earns nothing is recorded all the same. */
  readonly lots: readonly NewLot[];
  /**
   * `wallet_version` that the caller computed the lots from, once what was due in the wallet had been done; another one gives verdict
   * `stale` and stores nothing. For whatever is capped by what the wallet had before. Absent: any.
   */
  readonly expectedWalletVersion?: bigint;
  readonly day?: AccrualDay;
}

/** Takes back what a returned part of an order had earned. */
export interface AccrualReversal extends WalletOperation {
  readonly id: string;
  readonly purchaseId: string;
  readonly memberRef: string | null;
  readonly store: string | null;
  /** `purchase.return_version` the caller computed from; another one gives verdict `stale` and stores nothing. */
  readonly expectedReturnVersion: number;
  /** Replaces `purchase.returned`. */
  readonly returned: unknown;
  /** The difference to take back; 0 is allowed. */
  readonly points: bigint;
  /** What of it each issuer takes back, where not all of it was issued by the order's brand. */
  readonly parts?: readonly { readonly issuer: string; readonly points: bigint }[];
  /** What this return took, for its event: line, quantity, net. */
  readonly lines?: readonly (readonly [lineId: string, quantity: number, net: number])[];
}

/** The goods of an order reached the buyer: what waited for that becomes spendable. */
export interface Delivery extends WalletOperation {
  readonly id: string;
  readonly purchaseId: string;
  /** Since when the points count as spendable. */
  readonly freeFrom: Date;
  /** Whole days by which their end moves, by the calendar of `zone`, because the report came late. */
  readonly lateDays: number;
  readonly zone: string;
}

/** Takes back points that were given without a purchase: like a return, down to a debt. */
export interface TakeBack extends WalletOperation {
  readonly kind: 'grant' | 'reward';
  readonly id: string;
  readonly issuer: string;
  readonly memberRef: string | null;
  /** Id of what the points were given under: its own lots go first. */
  readonly originId: string;
  /** Of a debt that no points of the origin stand behind. */
  readonly terms: ContractTerms;
  readonly points: bigint;
}

export interface Authorization extends WalletOperation {
  readonly id: string;
  readonly memberRef: string;
  readonly store: string | null;
  readonly points: bigint;
  readonly expiresAt: Date;
  readonly quoteId?: string | null;
  /** Reimbursement price promised by the quote: decimal string in minor units per point. */
  readonly quotedReimbursement?: string | null;
  /** The redeemer's. */
  readonly terms: ContractTerms;
  readonly campaign?: string | null;
  /** Capture all of it in the same posting: a redemption in one step. */
  readonly captureAtOnce?: boolean;
}

export interface Capture extends WalletOperation {
  readonly id: string;
  readonly authorizationId: string;
  /** Null: all that is left. */
  readonly points: bigint | null;
  /** The redeemer's contract in force; null where it has ended: then those of the authorization hold. */
  readonly terms: ContractTerms | null;
  /** Release what is left afterwards. */
  readonly final: boolean;
}

export interface Void extends WalletOperation {
  readonly id: string;
  readonly authorizationId: string;
}

export interface RedemptionReturn extends WalletOperation {
  readonly id: string;
  readonly authorizationId: string;
  readonly points: bigint;
}

/** Points of one wallet that go to another. Their lots keep issuer, terms, end, campaign and places. */
export interface Transfer extends WalletOperation {
  readonly id: string;
  readonly memberRef: string | null;
  readonly toWalletId: string;
  /** The asking brand's name of the member on the other side; null where it has none. */
  readonly toMemberRef: string | null;
  readonly points: bigint;
}

/** Early expiry by the operator: every open lot that matches; at least one of `issuer` and `walletId`. What is held or pending follows once it comes free. */
export interface Expiration extends OperationKey {
  readonly id: string;
  readonly issuer?: string | null;
  readonly campaign?: string | null;
  readonly walletId?: string | null;
  readonly reason: string;
  readonly now: Date;
}

/** The wallet right after the operation (also for a decline: as it was found). `available` = max(0, balance). */
export interface WalletNumbers {
  readonly available: bigint;
  readonly held: bigint;
  readonly pending: bigint;
  readonly debt: bigint;
  /** posted − held; negative when debts outweigh the lots. */
  readonly balance: bigint;
}

/** What the operation itself did; the fields that do not apply are absent. */
export interface PostingDetail {
  /** accrual: points pending; reversal: points taken from pending lots. */
  readonly fromPending?: bigint;
  /** reversal: what had expired before and moves nothing; delivery: what was past its end when it came free. */
  readonly expired?: bigint;
  readonly toDebt?: bigint;
  /** Points that came free by it and repaid a debt. */
  readonly repaid?: bigint;
  readonly points?: bigint;
  /** Of the authorization after the operation. */
  readonly status?: AuthorizationStatus;
  readonly captured?: bigint;
  readonly returned?: bigint;
  readonly restored?: readonly {
    readonly lotId: string;
    readonly issuer: string;
    readonly points: bigint;
    readonly expiresAt: string | null;
  }[];
  readonly lots?: number;
}

export type AuthorizationStatus = 'authorized' | 'partially_captured' | 'captured' | 'voided' | 'expired';

/** Codes of declines the database decides; all are in the error catalogue. */
export type DeclineCode =
  | 'points_insufficient'
  | 'authorization_closed'
  | 'authorization_expired'
  | 'capture_exceeds_authorization'
  | 'return_exceeds_capture'
  | 'quote_used'
  | 'wallet_limit_exceeded';

export interface PostingOutcome {
  /**
   * `stale`: nothing happened and nothing was stored, as what it was computed from has changed; read that again and come back.
   * `over_day`: nothing happened and nothing was stored, as the brand would give the wallet more than the day's limit.
   */
  readonly verdict: 'created' | 'declined' | 'stale' | 'over_day';
  /** The key was known with the same content: everything below is the first answer. */
  readonly replayed: boolean;
  readonly code: DeclineCode | null;
  /** With a decline: the most that would have been accepted. */
  readonly limit: bigint | null;
  /** The template given with the FIRST request of this key. */
  readonly result: unknown;
  readonly numbers: WalletNumbers;
  readonly detail: PostingDetail;
  /** Id given with the first request: of the order, grant, return, authorization, capture… */
  readonly subjectId: string;
  readonly postingId: string | null;
  /** Instant under which the ledger filed it: `postedAt`, never before the wallet's previous posting. */
  readonly postedAt: Date;
}
