import { Decimal, fail } from '#libs/kernel';

/** How long a quote is valid, even if prices change. */
export const QUOTE_MINUTES = 5;

export interface Quote {
  id: string;
  brand: string;
  memberRef: string;
  walletId: string;
  store: string | null;
  currency: string;
  basketTotal: bigint;
  points: bigint;
  value: bigint;
  /** Reimbursement price per point, in millionths of a minor unit. */
  reimbursementMicro: bigint;
  createdAt: Date;
  expiresAt: Date;
}

/** Point prices of a redeemer's contract. Decimal strings in minor units. */
export interface QuotePrices {
  faceValue: string;
  reimbursementPrice: string;
}

/** What points are worth at a till, and what the redeemer is paid for them. */
export interface QuoteTerms {
  /** Minor units taken off the basket; half a unit rounds away from zero. */
  value: bigint;
  /** Unrounded decimal in minor units. */
  reimbursement: string;
}

/**
 * Prices points for a basket.
 * @throws DomainError `points_exceed_basket` if they are worth more than the basket
 */
export function quoteTerms(points: bigint, basketTotal: bigint, prices: QuotePrices): QuoteTerms {
  const value = Decimal.parse(prices.faceValue).mul(points).round('half_up');
  if (value > basketTotal) {
    fail('points_exceed_basket', {
      detail: `${points} points are worth ${value}, the basket ${basketTotal}.`,
      errors: [{ pointer: '/points', code: 'points_exceed_basket', detail: `worth more than ${basketTotal}` }],
    });
  }
  return { value, reimbursement: Decimal.parse(prices.reimbursementPrice).mul(points).toString(2) };
}
