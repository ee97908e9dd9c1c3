/** The tie of a person to one brand, as the ledger needs it: which wallet a brand's pseudonym stands for. */
export interface MemberLink {
  memberRef: string;
  brand: string;
  walletId: string;
  status: 'active' | 'deleted';
  /** Grows with every change; what is not newer is ignored. */
  version: number;
}

/** Kept with the key of what a brand reported. */
export interface WalletTold {
  /** The member was the brand's no more, so that it is not told of the wallet. */
  left?: true;
}

const MEMBER_REF = /^mb_[0-9A-Z]{26}$/;

/** Whether a text can be a member's reference at all; saves asking for what cannot exist. */
export function isMemberRef(text: string): boolean {
  return MEMBER_REF.test(text);
}

/** The link in an unknown JSON value about this reference, or null. Guards against a wrong sender. */
export function linkFrom(memberRef: string, value: unknown): MemberLink | null {
  if (typeof value !== 'object' || value === null) return null;
  const { brand, walletId, status, version, ...rest } = value as Partial<Record<keyof MemberLink, unknown>>;
  if (rest.memberRef !== undefined && rest.memberRef !== memberRef) return null;
  if (typeof brand !== 'string' || typeof walletId !== 'string') return null;
  if (status !== 'active' && status !== 'deleted') return null;
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) return null;
  return { memberRef, brand, walletId, status, version };
}
