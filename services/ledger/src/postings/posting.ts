import type { ContractTerms } from './contract-terms.js';
import type { Place } from './place.js';

/**
 * Requests to the ledger core and its answers, as pure types: every feature of the service builds one of these operations and passes
 * it to `Postings`; PostgreSQL decides.
 *
 * Ids are plain UUIDs made by the caller (`uuidv7For` the wallet); prefixes exist only on the wire. Points are bigint and always
 * positive.
 */

/** The permanent business key of an operation, and the content of its request. */
export interface OperationKey {
  /** Key space of `externalId`: the brand's slug; `'*'` for the operator's own acts. */
  readonly brand: string;
  readonly externalId: string;
  /** 16 bytes over the canonical request: the same key with another hash is `idempotency_conflict`. */
  readonly requestHash: Buffer;
  /** The `Idempotency-Key` header, when the caller sent one. */
  readonly transportKey?: string | null;
  /** Data the caller needs again on a replay (status, body template); stored verbatim beside the computed numbers. */
  readonly result: unknown;
}

/** An operation on one wallet at one instant of the alliance clock. */
export interface WalletOperation extends OperationKey {
  readonly walletId: string;
  readonly postedAt: Date;
  readonly occurredAt: Date;
  /** Latest real time (ms since epoch) at which it may be sent to the database; later it is dropped with `unavailable`. */
  readonly deadline?: number;
}

export interface NewLot {
  readonly id: string;
  readonly points: bigint;
  /** Null or not after `postedAt`: spendable immediately. Later: pending until then. */
  readonly availableFrom: Date | null;
  readonly expiresAt: Date | null;
  readonly campaign: string | null;
  /** The issuer of the points, and the terms agreed with it when they were given. */
  readonly terms: ContractTerms;
  /** Pending until the order is delivered, whenever that is. */
  readonly untilDelivered?: boolean;
  /** The only places where the points can be spent; absent: everywhere. */
  readonly places?: readonly Place[];
  /** One of the network's own reasons (`NETWORK_REASONS`), or the reason of a grant. */
  readonly reason: string;
  readonly ruleId?: string | null;
}

/** The order of an accrual. Its `result` is the order as bought, with lines, rules and points: returns are recomputed from it. */
export interface NewPurchase {
  readonly currency: string;
  readonly campaign: string | null;
}

/** The day to which an accrual counts. */
export interface AccrualDay {
  readonly from: Date;
  /**
   * Most points of the brand for the wallet within the day; above it the verdict is `over_day` and nothing is stored. Null: no limit.
   */
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
  /** Common origin of the lots of several grants: points taken back for it come from all of them. Absent: the grant itself. */
  readonly originId?: string;
}

interface AnyAccrual extends WalletOperation {
  /** Id of the order or grant. */
  readonly id: string;
  /** Null if no brand is involved: the member is identified by the wallet alone. */
  readonly memberRef: string | null;
  readonly store: string | null;
  readonly issuer: string;
  /** May be empty: an order that earns nothing is recorded too. */
  readonly lots: readonly NewLot[];
  /**
   * `wallet_version` from which the caller computed the lots, after due work in the wallet was done. If it differs, the verdict is
   * `stale` and nothing is stored. For points capped by the wallet's previous contents. Absent: any.
   */
  readonly expectedWalletVersion?: bigint;
  readonly day?: AccrualDay;
}

/** Takes back points earned by the returned part of an order. */
export interface AccrualReversal extends WalletOperation {
  readonly id: string;
  readonly purchaseId: string;
  readonly memberRef: string | null;
  readonly store: string | null;
  /** `purchase.return_version` from which the caller computed; if it differs, the verdict is `stale` and nothing is stored. */
  readonly expectedReturnVersion: number;
  /** Replaces `purchase.returned`. */
  readonly returned: unknown;
  /** The points to take back; may be 0. */
  readonly points: bigint;
  /** Share of each issuer, if not all points were issued by the order's brand. */
  readonly parts?: readonly { readonly issuer: string; readonly points: bigint }[];
  /** The lines of this return, for its event: line, quantity, net. */
  readonly lines?: readonly (readonly [lineId: string, quantity: number, net: number])[];
}

/** The goods of an order reached the buyer: points that waited for that become spendable. */
export interface Delivery extends WalletOperation {
  readonly id: string;
  readonly purchaseId: string;
  /** The instant from which the points are spendable. */
  readonly freeFrom: Date;
  /** Whole days, by the calendar of `zone`, by which the expiry moves because the report came late. */
  readonly lateDays: number;
  readonly zone: string;
}

/** Takes back points given without a purchase; as with a return, a shortfall becomes a debt. */
export interface TakeBack extends WalletOperation {
  readonly kind: 'grant' | 'reward';
  readonly id: string;
  readonly issuer: string;
  readonly memberRef: string | null;
  /** Origin of the points: its own lots are taken first. */
  readonly originId: string;
  /** Terms of a debt for which no lot of the origin exists. */
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
  /** Terms of the redeemer. */
  readonly terms: ContractTerms;
  readonly campaign?: string | null;
  /** Capture everything in the same posting: a redemption in one step. */
  readonly captureAtOnce?: boolean;
}

export interface Capture extends WalletOperation {
  readonly id: string;
  readonly authorizationId: string;
  /** Null: everything that is left. */
  readonly points: bigint | null;
  /** Terms of the redeemer's contract in force; null if it has ended: then those of the authorization apply. */
  readonly terms: ContractTerms | null;
  /** Release the rest afterwards. */
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

/** Transfers points from one wallet to another. Lots keep issuer, terms, expiry, campaign and places. */
export interface Transfer extends WalletOperation {
  readonly id: string;
  readonly memberRef: string | null;
  readonly toWalletId: string;
  /** The requesting brand's memberRef of the other side; null if it has none. */
  readonly toMemberRef: string | null;
  readonly points: bigint;
}

/**
 * Early expiry by the operator, of every open lot that matches; at least one of `issuer` and `walletId` is set. Held and pending
 * points expire once they are released.
 */
export interface Expiration extends OperationKey {
  readonly id: string;
  readonly issuer?: string | null;
  readonly campaign?: string | null;
  readonly walletId?: string | null;
  readonly reason: string;
  readonly now: Date;
}

/** The wallet right after the operation (for a decline: as found). `available` = max(0, balance). */
export interface WalletNumbers {
  readonly available: bigint;
  readonly held: bigint;
  readonly pending: bigint;
  readonly debt: bigint;
  /** posted − held; negative if debts exceed the lots. */
  readonly balance: bigint;
}

/** What the operation itself did; fields that do not apply are absent. */
export interface PostingDetail {
  /** accrual: points pending; reversal: points taken from pending lots. */
  readonly fromPending?: bigint;
  /** reversal: points that had expired earlier and move nothing; delivery: points already expired when released. */
  readonly expired?: bigint;
  readonly toDebt?: bigint;
  /** Points released by the operation that repaid a debt. */
  readonly repaid?: bigint;
  readonly points?: bigint;
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

/** Codes of declines that the database decides; all are in the error catalogue. */
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
   * `stale`: nothing happened and nothing was stored, because the data it was computed from has changed; read it again and retry.
   * `over_day`: nothing happened and nothing was stored, because the brand would exceed its limit per wallet and day.
   */
  readonly verdict: 'created' | 'declined' | 'stale' | 'over_day';
  /** The key was known with the same content: everything below is the first answer. */
  readonly replayed: boolean;
  readonly code: DeclineCode | null;
  /** With a decline: the most points that would have been accepted. */
  readonly limit: bigint | null;
  /** The template passed with the first request of this key. */
  readonly result: unknown;
  readonly numbers: WalletNumbers;
  readonly detail: PostingDetail;
  /** Id passed with the first request: of the order, grant, return, authorization, capture… */
  readonly subjectId: string;
  readonly postingId: string | null;
  /** Instant of the posting in the ledger: `postedAt`, but never before the wallet's previous posting. */
  readonly postedAt: Date;
}
