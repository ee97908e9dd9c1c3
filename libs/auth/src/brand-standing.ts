import type { BrandScope } from './scopes.js';

/** What a client may still get a token for when its brand is suspended, closed or not yet in: to read what it owes and is owed. */
export const STANDSTILL_SCOPES: readonly BrandScope[] = ['settlement:read'];

/** Whether a brand may act now; a promise only when that must be looked up. */
export type BrandStanding = (brand: string) => boolean | Promise<boolean>;

/**
 * Knows the standing of brands once whoever knows brands has said how. A service that has no copy of them has no routes of brands.
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
