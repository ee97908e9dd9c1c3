import type { OfferTerms } from '../attribution/attribution.js';
import type { Shares } from '../splits/split.js';

/** What a brand pays for orders that others bring. Never changed once published, only withdrawn. */
export interface Offer extends OfferTerms {
  readonly name: string;
  /** Of budget and caps, and of the orders that it pays on. */
  readonly currency: string;
  readonly poolBp: number;
  readonly split: Shares;
  readonly rule: string;
  readonly products: readonly string[];
  readonly categories: readonly string[];
  readonly hosts: readonly string[];
  readonly returnDays: number;
  readonly budget: bigint | null;
  readonly capOrder: bigint | null;
  readonly capBeneficiaryDay: bigint | null;
  readonly capMonth: bigint | null;
  /** Holds also for orders that nobody promoted. */
  readonly standing: boolean;
  readonly createdAt: Date;
}

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
