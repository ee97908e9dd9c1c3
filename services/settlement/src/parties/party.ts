/**
 * An account of settlement by its readable id: `brand:aurora`, `entity:le-1`, or one of the single parties. The kind is part of
 * the id, so no brand can take the name of another kind of party.
 */
export type Party = string;

export const OPERATOR: Party = 'operator';

/** The members of the alliance as one party: their earnings from brands and their conversions to points. */
export const MEMBERS: Party = 'members';

export const RESERVE: Party = 'reserve';
export const ROUNDING: Party = 'rounding';

const BRAND = 'brand:';

export function brandParty(slug: string): Party {
  return `${BRAND}${slug}`;
}

export function isBrand(party: Party): boolean {
  return party.startsWith(BRAND);
}

/** The party for an issuer or funder in an event: a brand's slug, or `operator`. */
export function partyOf(name: string): Party {
  return name === OPERATOR ? OPERATOR : brandParty(name);
}

/** The name of a party as brands read it: a brand's slug, or the id of another party. */
export function partyName(party: Party): string {
  return isBrand(party) ? party.slice(BRAND.length) : party;
}
