export const OWNER_KINDS = ['brand', 'store', 'guide', 'member'] as const;
export type OwnerKind = (typeof OWNER_KINDS)[number];

/** An owner earns: a brand, a store or guide of a brand, or a person by wallet. */
export const OPERATOR = 'operator';

/** The key under which earnings are collected. A person has one key across all brands; stores and guides belong to their brand. */
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

/** The payee in settlement: brands and the operator under their own name, persons and stores through members' payouts. */
export function payeeOf(owner: string): string {
  return owner === OPERATOR || owner.startsWith('brand:') ? owner : 'members';
}

/** Stands for another brand where a single leg must not reveal which one. */
const ALLIANCE = 'alliance';

/** A payee as a brand may read it. */
export function shownPayee(payee: string, reader: string): string {
  return payee.startsWith('brand:') && payee !== `brand:${reader}` ? ALLIANCE : payee;
}

/** The owner of a member rebate in points. It is separate from earnings because it is never money. */
export function rebateOwner(walletId: string): string {
  return `rebate:${walletId}`;
}

/** Whether a payout file pays the owner. Brands and the operator are paid in the cycle, rebates in points. */
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

/** An owner and the brand through which they earn. */
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
