import type { ContractTerms } from './contract-terms.js';
import type { PostingOutcome } from './posting.js';

/** Kinds of batches: each is one prepared call of one function. */
export type BatchKind =
  'accrue' | 'reverse' | 'authorize' | 'capture' | 'void' | 'return' | 'deliver' | 'take' | 'transfer' | 'settle';

/** One operation waiting in a lane. */
export interface Item {
  readonly kind: BatchKind;
  readonly walletId: string;
  /** Of an operation on two wallets: the one that another lane may be at work on. */
  readonly otherWalletId?: string | undefined;
  /** Business key within its kind; no two of a batch may be the same. */
  readonly key: string;
  readonly transportKey: string | null;
  readonly postedAt: Date;
  /** Columns of the item, those that all kinds have and those of its own; its number in the batch is added when it is sent. */
  readonly common: Readonly<Record<string, unknown>>;
  readonly own: Readonly<Record<string, unknown>>;
  readonly lots: readonly Readonly<Record<string, unknown>>[];
  /** Terms that its columns name by their ids. */
  readonly terms: readonly ContractTerms[];
  /** Answer template of this request: the database sends it back on replays only. */
  readonly result: unknown;
  /** W3C traceparent of the request, where its caller records the trace. */
  readonly trace?: string | null;
  /** Real time in ms after which it must not be sent any more. */
  readonly deadline: number;
  readonly resolve: (outcome: PostingOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** One row of `ledger_outcome` as it comes back. */
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

/** Sends one batch in one transaction; a patient one may take longer. Rejects with the database's error, or `LostConnection`, or `NoConnection`. */
export interface BatchRunner {
  run(kind: BatchKind, items: readonly Item[], patient?: boolean): Promise<readonly OutcomeRow[]>;
  /** Those of the wallets that another transaction has locked; waits for none. */
  locked(wallets: readonly string[]): Promise<readonly string[]>;
  /** Those of the wallets that have a thousand lots or more. */
  large(wallets: readonly string[]): Promise<readonly string[]>;
}

/** The database could not be reached: nothing was sent. */
export class NoConnection extends Error {}

/** The connection went away after the batch was sent: it may or may not have been committed. */
export class LostConnection extends Error {}
