import { fail } from '#libs/kernel';
import type { Item, OutcomeRow } from './item.js';
import type { AuthorizationStatus, DeclineCode, PostingDetail, PostingOutcome } from './posting.js';

interface StoredDetail {
  points?: number;
  fromPending?: number;
  expired?: number;
  toDebt?: number;
  repaid?: number;
  status?: AuthorizationStatus;
  captured?: number;
  returned?: number;
  lots?: number;
  restored?: { lotId: string; issuer: string; points: number; expiresAt: string | null }[];
}

const POINTS = ['points', 'fromPending', 'expired', 'toDebt', 'repaid', 'captured', 'returned'] as const;

function detailOf(text: string | null): PostingDetail {
  if (text === null) return {};
  const stored = JSON.parse(text) as StoredDetail;
  const points: Partial<Record<(typeof POINTS)[number], bigint>> = {};
  for (const name of POINTS) {
    const value = stored[name];
    if (value !== undefined) points[name] = BigInt(value);
  }
  return {
    ...points,
    ...(stored.status === undefined ? {} : { status: stored.status }),
    ...(stored.lots === undefined ? {} : { lots: stored.lots }),
    ...(stored.restored === undefined
      ? {}
      : {
          restored: stored.restored.map((lot) => ({
            ...lot,
            points: BigInt(lot.points),
            expiresAt: lot.expiresAt === null ? null : new Date(lot.expiresAt).toISOString(),
          })),
        }),
  };
}

/**
 * Converts a row to the outcome of one item.
 * @throws DomainError `idempotency_conflict` if its key was used with different content
 */
export function outcomeOf(row: OutcomeRow, item: Pick<Item, 'result'>): PostingOutcome {
  if (row.verdict === 'conflict') fail('idempotency_conflict');
  return {
    verdict: row.verdict as PostingOutcome['verdict'],
    replayed: row.replayed,
    code: row.decline as DeclineCode | null,
    limit: row.decline_limit,
    result: row.result === null ? item.result : (JSON.parse(row.result) as unknown),
    numbers: {
      available: row.balance > 0n ? row.balance : 0n,
      held: row.held,
      pending: row.pending,
      debt: row.debt,
      balance: row.balance,
    },
    detail: detailOf(row.detail),
    subjectId: row.subject_id,
    postingId: row.posting_id,
    postedAt: row.posted_at,
  };
}
