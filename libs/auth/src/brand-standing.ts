import type { BrandScope } from './scopes.js';

/** Scopes of a client whose brand is suspended, closed or not yet live: it may read what it owes and is owed. */
export const STANDSTILL_SCOPES: readonly BrandScope[] = ['settlement:read'];

/** Whether a brand may act now; a promise only when that needs a look-up. */
export type BrandStanding = (brand: string) => boolean | Promise<boolean>;

/**
 * Standing of brands, once the brand directory has registered its look-up. A service without a copy of the brands has no brand routes.
 */
export class BrandStandings {
  private standing: BrandStanding | null = null;

  use(standing: BrandStanding): void {
    this.standing = standing;
  }

  mayAct(brand: string): boolean | Promise<boolean> {
    return this.standing === null ? true : this.standing(brand);
  }
}
