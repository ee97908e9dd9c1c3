import type { Offer } from './offers.tables.js';

export type OfferTerms = Omit<Offer, 'id' | 'seller' | 'currency' | 'withdrawnAt' | 'createdAt'>;

/** Whether the offer pays on a line. Without lists it pays on all lines. */
export function pays(offer: Pick<Offer, 'products' | 'categories'>, line: { sku: string; category: string }): boolean {
  if (offer.products.length === 0 && offer.categories.length === 0) return true;
  return offer.products.includes(line.sku) || offer.categories.includes(line.category);
}

/** Names under which the usage of an offer is counted. */
export const usageScope = {
  total: (offer: string): string => `${offer} total`,
  month: (offer: string, month: string): string => `${offer} month ${month}`,
  /** Usage per brand that an owner earns through. Brands do not see each other's. */
  day: (offer: string, day: string, through: string, owner: string): string =>
    `${offer} day ${day} ${through} ${owner}`,
};
