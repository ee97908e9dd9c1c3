import { parseInstant } from '#libs/kernel';

/** One brand's pseudonym for the owner of a wallet: the tie of a person to a brand, as crm tells it. */
export interface MemberLink {
  readonly memberRef: string;
  readonly brand: string;
  readonly walletId: string;
  /** Whether the member has not left the brand. */
  readonly active: boolean;
  /** Grows with every change; what is not newer is ignored. */
  readonly version: number;
  readonly changedAt: Date;
}

const MEMBER_REF = /^mb_[0-9A-Z]{26}$/;

/** Whether a text can be a member's reference at all; saves asking for what cannot exist. */
export function isMemberRef(text: string): boolean {
  return MEMBER_REF.test(text);
}

/** The link in an unknown JSON value, or null. Guards against a wrong sender. */
export function memberLinkFrom(value: unknown): MemberLink | null {
  if (typeof value !== 'object' || value === null) return null;
  const { memberRef, brand, walletId, status, version, changedAt } = value as Record<string, unknown>;
  if (typeof memberRef !== 'string' || typeof brand !== 'string' || typeof walletId !== 'string') return null;
  if (status !== 'active' && status !== 'deleted') return null;
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) return null;
  const at = typeof changedAt === 'string' ? parseInstant(changedAt) : null;
  return at === null ? null : { memberRef, brand, walletId, active: status === 'active', version, changedAt: at };
}
