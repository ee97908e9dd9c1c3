import type { LineTerms } from '../src/entries/line.js';
import type { Movement, PostingFact, PricedKind } from '../src/entries/posting-fact.js';
import type { PriceBook, PriceTerms } from '../src/entries/pricing.js';

let counter = 0;

/** Prices of the worked example. */
export function terms(over: Partial<PriceTerms> = {}): PriceTerms {
  return {
    fundingMode: 'pay_at_redemption',
    currency: 'CNY',
    reimbursementMicro: 900_000n,
    operatorFeeMicro: 150_000n,
    feeOnOwn: false,
    ...over,
  };
}

/** A price book in which every brand has the worked example's prices unless named. */
export function aPriceBook(brands: Record<string, PriceTerms>, earlier: readonly LineTerms[] = []): PriceBook {
  return {
    currencyOf: () => 'CNY',
    termsAt: (brand) => brands[brand] ?? terms(),
    lineTerms: (id) => earlier.find((line) => line.id === id),
  };
}

export function movement(lotId: string, issuer: string, points: bigint, originalPostingId = ''): Movement {
  return { lotId, issuer, points, originalPostingId };
}

export function aFact(
  kind: PricedKind,
  actor: string,
  movements: readonly Movement[],
  over: Partial<PostingFact> = {},
): PostingFact {
  counter += 1;
  return {
    postingId: `posting-${counter}`,
    kind,
    walletId: 'wallet-1',
    actor,
    actorMemberRef: actor === '' ? '' : `mb_${actor}`,
    store: actor === '' ? '' : `${actor}-1`,
    occurredAt: new Date('2026-03-02T00:00:00Z'),
    postedAt: new Date('2026-03-02T00:00:01Z'),
    reference: `ref-${counter}`,
    quotedReimbursementMicro: null,
    movements,
    ...over,
  };
}
