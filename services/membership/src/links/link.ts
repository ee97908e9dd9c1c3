/** One brand's pseudonym for the owner of a wallet. */
export interface MemberLink {
  readonly memberRef: string;
  readonly brand: string;
  readonly walletId: string;
  readonly active: boolean;
  readonly version: bigint;
}

const MEMBER_REF = /^mb_[0-9A-Z]{26}$/;

/** Whether a text can be a member's reference at all; saves asking for what cannot exist. */
export function isMemberRef(text: string): boolean {
  return MEMBER_REF.test(text);
}

/** The link in what crm answered, or null. */
export function linkFrom(memberRef: string, value: unknown): MemberLink | null {
  if (typeof value !== 'object' || value === null) return null;
  const { brand, walletId, status, version } = value as Record<string, unknown>;
  if (typeof brand !== 'string' || typeof walletId !== 'string' || typeof version !== 'number') return null;
  return { memberRef, brand, walletId, active: status === 'active', version: BigInt(version) };
}
