import type { Offer } from './offers.tables.js';

/** What a brand proposes to pay, before it is published. */
export type OfferTerms = Omit<Offer, 'id' | 'seller' | 'currency' | 'withdrawnAt' | 'createdAt'>;

/** Whether the offer pays on a line. Without lists it pays on all. */
export function pays(offer: Pick<Offer, 'products' | 'categories'>, line: { sku: string; category: string }): boolean {
  if (offer.products.length === 0 && offer.categories.length === 0) return true;
  return offer.products.includes(line.sku) || offer.categories.includes(line.category);
}

/** Names under which the use of an offer is counted. */
export const usageScope = {
  total: (offer: string): string => `${offer} total`,
  month: (offer: string, month: string): string => `${offer} month ${month}`,
  /** Of who earns through one brand: what he earns through another is none of its business. */
  day: (offer: string, day: string, through: string, owner: string): string =>
    `${offer} day ${day} ${through} ${owner}`,
};
