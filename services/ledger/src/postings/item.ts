import type { ContractTerms } from './contract-terms.js';
import type { PostingOutcome } from './posting.js';

/** Kinds of batches: each is one prepared call of one database function. */
export type BatchKind =
  'accrue' | 'reverse' | 'authorize' | 'capture' | 'void' | 'return' | 'deliver' | 'take' | 'transfer' | 'settle';

/** One operation waiting in a lane. */
export interface Item {
  readonly kind: BatchKind;
  readonly walletId: string;
  /** Second wallet of an operation on two wallets; another lane may be working on it. */
  readonly otherWalletId?: string | undefined;
  /** Business key within its kind; unique within a batch. */
  readonly key: string;
  readonly transportKey: string | null;
  readonly postedAt: Date;
  /** Columns of the item: those of all kinds and those of its own; its number in the batch is added when it is sent. */
  readonly common: Readonly<Record<string, unknown>>;
  readonly own: Readonly<Record<string, unknown>>;
  readonly lots: readonly Readonly<Record<string, unknown>>[];
  /** Terms that its columns refer to by id. */
  readonly terms: readonly ContractTerms[];
  /** Answer template of this request; the database returns it only on replays. */
  readonly result: unknown;
  /** W3C traceparent of the request, if its caller records the trace. */
  readonly trace?: string | null;
  /** Real time in ms after which the item must not be sent. */
  readonly deadline: number;
  readonly resolve: (outcome: PostingOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** One row of `ledger_outcome`, as returned. */
export interface OutcomeRow {
  readonly n: number;
  readonly verdict: string;
  readonly replayed: boolean;
  readonly decline: string | null;
  readonly decline_limit: bigint | null;
  readonly result: string | null;
  readonly balance: bigint;
  readonly held: bigint;
  readonly pending: bigint;
  readonly debt: bigint;
  readonly detail: string | null;
  readonly subject_id: string;
  readonly posting_id: string | null;
  readonly posted_at: Date;
}

/**
 * Sends one batch in one transaction; a patient batch gets a longer time limit. Rejects with the database's error, `LostConnection`
 * or `NoConnection`.
 */
export interface BatchRunner {
  run(kind: BatchKind, items: readonly Item[], patient?: boolean): Promise<readonly OutcomeRow[]>;
  /** Returns those of the wallets that another transaction has locked, without waiting. */
  locked(wallets: readonly string[]): Promise<readonly string[]>;
  /** Returns those of the wallets that have a thousand lots or more. */
  large(wallets: readonly string[]): Promise<readonly string[]>;
}

/** The database could not be reached: nothing was sent. */
export class NoConnection extends Error {}

/** The connection was lost after the batch was sent: it may or may not have been committed. */
export class LostConnection extends Error {}
