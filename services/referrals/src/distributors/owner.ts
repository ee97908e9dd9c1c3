export const OWNER_KINDS = ['brand', 'store', 'guide', 'member'] as const;
export type OwnerKind = (typeof OWNER_KINDS)[number];

/** Somebody who earns: a brand, a store or guide of a brand, or a person by wallet. */
export const OPERATOR = 'operator';

/** The key under which earnings gather. A person has one, whichever brands know him; stores and guides belong to their brand. */
export function ownerOf(kind: OwnerKind, brand: string, ref: string, walletId: string | null): string {
  switch (kind) {
    case 'brand':
      return `brand:${brand}`;
    case 'store':
    case 'guide':
      return `${kind}:${brand}/${ref}`;
    case 'member':
      if (walletId === null) throw new TypeError('a member earns under a wallet');
      return `wallet:${walletId}`;
  }
}

/** Who gets the money in settlement: brands and the operator by their own name, persons and shops through the pay-outs of members. */
export function payeeOf(owner: string): string {
  return owner === OPERATOR || owner.startsWith('brand:') ? owner : 'members';
}

/** Another brand, where a single leg must not say which. */
const ALLIANCE = 'alliance';

/** A payee as a brand may read it. */
export function shownPayee(payee: string, reader: string): string {
  return payee.startsWith('brand:') && payee !== `brand:${reader}` ? ALLIANCE : payee;
}

/** Whose points a member rebate becomes; apart from earnings, as it is never money. */
export function rebateOwner(walletId: string): string {
  return `rebate:${walletId}`;
}

/** Whether a payout file pays the owner; brands and operator are paid by the cycle, rebates in points. */
export function isPerson(owner: string): boolean {
  return /^(wallet|store|guide):/.test(owner);
}

/** The brand in the key of a brand, store or guide, or null. */
export function brandOf(owner: string): string | null {
  return /^(?:brand|store|guide):([^/]+)/.exec(owner)?.[1] ?? null;
}

/** The wallet in the key of a person, or null. */
export function walletIn(owner: string): string | null {
  return owner.startsWith('wallet:') ? owner.slice('wallet:'.length) : null;
}

/** An owner as one brand knows him: through it he earns. */
export interface Earner {
  readonly brand: string;
  readonly owner: string;
}

export interface Introduction {
  readonly introducer: string;
  readonly since: Date;
  readonly until: Date;
}

export function earnerKey({ brand, owner }: Earner): string {
  return `${brand} ${owner}`;
}
