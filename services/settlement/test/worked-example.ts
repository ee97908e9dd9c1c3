import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { PostingKind } from '#libs/contracts';
import type { Posting } from './settlement-under-test.js';

type LotMove = { lotId: string; issuer: string; points: bigint; originalPostingId?: string };

let version = 0n;

/** A posting as the ledger would record it. */
export function posting(
  id: string,
  kind: PostingKind,
  wallet: string,
  brand: string,
  at: string,
  movements: LotMove[],
  over: Posting = {},
): Posting {
  version += 1n;
  const time = timestampFromDate(new Date(at));
  const sum = movements.reduce((total, move) => total + move.points, 0n);
  return {
    postingId: id,
    kind,
    walletId: wallet,
    walletVersion: version,
    brand,
    store: brand === '' ? '' : `${brand}-1`,
    memberRef: brand === '' ? '' : `mb_${brand}_${wallet}`,
    points: sum < 0n ? -sum : sum,
    occurredAt: time,
    postedAt: time,
    reference: `ref-${id}`,
    movements,
    ...over,
  };
}

const move = (lotId: string, issuer: string, points: bigint, originalPostingId = ''): LotMove => ({
  lotId,
  issuer,
  points,
  originalPostingId,
});

/** E1–E9 of the worked example, with the holds that go before the redemptions. */
export function workedExample(): Posting[] {
  const { ACCRUAL, ACCRUAL_REVERSAL, AUTHORIZATION, CAPTURE, REDEMPTION_RETURN, EXPIRY } = PostingKind;
  const day = (n: number): string => `2026-03-${String(n).padStart(2, '0')}T10:00:00+08:00`;
  return [
    posting('e1', ACCRUAL, 'm1', 'aurora', day(2), [move('L1', 'aurora', 10_000n)]),
    posting('e2', ACCRUAL, 'm1', 'birch', day(3), [move('L2', 'birch', 6_000n)]),
    posting('e3', ACCRUAL, 'm2', 'birch', day(5), [move('L3', 'birch', 4_000n)]),
    posting('e4', ACCRUAL, 'm2', 'crest', day(6), [move('L4', 'crest', 2_000n)]),
    posting('e5a', AUTHORIZATION, 'm1', 'crest', day(20), [
      move('L1', 'aurora', -10_000n),
      move('L2', 'birch', -2_000n),
    ]),
    posting('e5', CAPTURE, 'm1', 'crest', day(20), [move('L1', 'aurora', -10_000n), move('L2', 'birch', -2_000n)]),
    posting('e6', ACCRUAL_REVERSAL, 'm2', 'birch', day(22), [move('L3', 'birch', -1_000n, 'e3')]),
    posting('e7', CAPTURE, 'm2', 'aurora', day(25), [move('L3', 'birch', -3_000n), move('L4', 'crest', -500n)]),
    posting('e8', REDEMPTION_RETURN, 'm1', 'crest', day(26), [move('L2', 'birch', 2_000n, 'e5')]),
    posting('e9', EXPIRY, 'm2', '', day(31), [move('L4', 'crest', -1_500n)]),
  ];
}

/** The same postings in another order; each wallet's own order stays. */
export function interleaved(postings: readonly Posting[], pick: (choices: number) => number): Posting[] {
  const queues = new Map<string, Posting[]>();
  for (const one of postings) queues.set(one.walletId ?? '', [...(queues.get(one.walletId ?? '') ?? []), one]);
  const result: Posting[] = [];
  for (;;) {
    const waiting = [...queues.values()].filter((queue) => queue.length > 0);
    const next = waiting[pick(waiting.length) % Math.max(waiting.length, 1)]?.shift();
    if (next === undefined) return result;
    result.push(next);
  }
}
