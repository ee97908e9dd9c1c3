import type { LineTerms } from '../src/entries/line.js';
import type { LotTerms, Movement, PostingFact, RedeemerTerms } from '../src/entries/posting-fact.js';
import type { EarlierLines } from '../src/entries/pricing.js';
import { partyOf } from '../src/parties/party.js';

let counter = 0;

/** The worked example's terms of an issuer. */
export function terms(issuer: string, over: Partial<LotTerms> = {}): LotTerms {
  return {
    contractVersion: issuer === 'operator' ? 0 : 1,
    fundingMode: 'pay_at_redemption',
    funders: [{ party: partyOf(issuer), shareBp: 10_000 }],
    operatorFeeMicro: 150_000n,
    feeOnOwn: false,
    currency: 'CNY',
    ...over,
  };
}

/** The worked example's terms of a redeemer. */
export function redeemed(over: Partial<RedeemerTerms> = {}): RedeemerTerms {
  return { contractVersion: 1, reimbursementMicro: 900_000n, currency: 'CNY', ...over };
}

/** Finds earlier lines by id. */
export function among(lines: readonly (LineTerms | { id: string })[]): EarlierLines {
  return (id) => lines.find((line): line is LineTerms => line.id === id);
}

export const NOTHING_EARLIER: EarlierLines = () => undefined;

export function movement(
  lotId: string,
  issuer: string,
  points: bigint,
  originalPostingId = '',
  over: Partial<Movement> = {},
): Movement {
  return {
    lotId,
    issuer: partyOf(issuer),
    points,
    originalPostingId,
    terms: terms(issuer),
    campaign: '',
    earnedAt: new Date('2026-03-01T00:00:00Z'),
    expiresAt: new Date('2027-03-31T15:59:59Z'),
    ...over,
  };
}

export function aFact(
  kind: PostingFact['kind'],
  actor: string,
  movements: readonly Movement[],
  over: Partial<Omit<PostingFact, 'kind'>> & { redeemerTerms?: RedeemerTerms } = {},
): PostingFact {
  counter += 1;
  const { redeemerTerms = redeemed(), ...rest } = over;
  const fact = {
    postingId: `posting-${counter}`,
    walletId: 'wallet-1',
    actor,
    actorMemberRef: actor === '' ? '' : `mb_${actor}`,
    store: actor === '' ? '' : `${actor}-1`,
    occurredAt: new Date('2026-03-02T00:00:00Z'),
    postedAt: new Date('2026-03-02T00:00:01Z'),
    reference: `ref-${counter}`,
    asset: 'PTS',
    movements,
    ...rest,
  };
  return kind === 'capture' ? { ...fact, kind, redeemerTerms } : { ...fact, kind };
}
