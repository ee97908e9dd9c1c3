import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { PostingKind } from '#libs/contracts';
import type { Posting } from './settlement-under-test.js';

type Movement = Exclude<NonNullable<Posting['movements']>[number], undefined>;
type Terms = Exclude<Movement['terms'], undefined>;
type LotMove = Pick<Movement, 'terms' | 'originalPostingId' | 'earnedAt' | 'expiresAt' | 'campaign'> & {
  lotId: string;
  issuer: string;
  points: bigint;
};

/** An issuer's terms in the worked example, as the ledger stamps them on a lot. */
export function lotTerms(issuer: string, over: Terms = {}): Terms {
  return {
    contractVersion: issuer === 'operator' ? 0 : 1,
    fundingMode: 'pay_at_redemption',
    funders: [{ party: issuer, shareBp: 10_000 }],
    accrualPrice: '1.05',
    operatorFee: '0.15',
    feeOnOwn: false,
    currency: 'CNY',
    ...over,
  };
}

/** A redeemer's terms in the worked example, as the ledger stamps them on a capture. */
export function redeemerTerms(over: NonNullable<Posting['redeemerTerms']> = {}): NonNullable<Posting['redeemerTerms']> {
  return { contractVersion: 1, reimbursementPrice: '0.90', currency: 'CNY', ...over };
}

const EARNED = timestampFromDate(new Date('2026-03-01T00:00:00Z'));

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
    asset: 'PTS',
    ...(kind === PostingKind.CAPTURE ? { redeemerTerms: redeemerTerms() } : {}),
    movements: movements.map((move) => ({ terms: lotTerms(move.issuer), earnedAt: EARNED, ...move })),
    ...over,
  };
}

const move = (lotId: string, issuer: string, points: bigint, originalPostingId = ''): LotMove => ({
  lotId,
  issuer,
  points,
  originalPostingId,
});

/** E1–E9 of the worked example, with the holds that precede the redemptions. */
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

/** The same postings in another order; the order within each wallet stays. */
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
