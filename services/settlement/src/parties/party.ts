/**
 * An account of settlement by its readable id: `brand:aurora`, `entity:le-1`, or one of those there is only one of. The kind is
 * part of the id, so no brand can bear the name of a party that is none.
 */
export type Party = string;

/** Who runs the alliance. */
export const OPERATOR: Party = 'operator';

/** The people of the alliance together: what they earned from brands and what they turned into points. */
export const MEMBERS: Party = 'members';

export const RESERVE: Party = 'reserve';
export const ROUNDING: Party = 'rounding';

const BRAND = 'brand:';

/** The party of a brand, by its slug. */
export function brandParty(slug: string): Party {
  return `${BRAND}${slug}`;
}

export function isBrand(party: Party): boolean {
  return party.startsWith(BRAND);
}

/** The party behind the name that an event uses for an issuer or funder: a brand's slug, or `operator`. */
export function partyOf(name: string): Party {
  return name === OPERATOR ? OPERATOR : brandParty(name);
}

/** What brands read: a brand's slug; other parties by their ids. */
export function partyName(party: Party): string {
  return isBrand(party) ? party.slice(BRAND.length) : party;
}
