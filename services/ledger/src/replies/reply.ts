import { problemOf, Reply } from '#libs/http';
import { pointsToJson } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';

import type { WalletTold } from '../links/wallet-told.js';
import type { PostingOutcome, WalletNumbers } from '../postings/posting.js';

/** What a brand is told about the wallet; null if the member was no longer the brand's at that time. */
export function walletOf<T>({ result, numbers }: PostingOutcome, told: (numbers: WalletNumbers) => T): T | null {
  return (result as WalletTold | null)?.left === true ? null : told(numbers);
}

/**
 * Builds the answer to an outcome: its decline, or the result of `body`. A decline is stored with its key and contains nothing of
 * the particular request, so a repeat is the same bytes.
 */
export function replyTo<T>(outcome: PostingOutcome, status: number, body: () => T): Reply<T> {
  const { verdict, code, limit, replayed } = outcome;
  if (verdict !== 'declined') return new Reply(status, body(), replayed);
  const decline: ErrorCode = code ?? 'internal_error';
  const problem = problemOf(decline, limit === null ? {} : { extra: { limit: pointsToJson(limit) } });
  return new Reply<T>(problem.status, problem, replayed);
}
