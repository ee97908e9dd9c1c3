import { parseInstant } from '#libs/kernel';

/** One brand's pseudonym for the owner of a wallet: the link of a person to a brand, as published by crm. */
export interface MemberLink {
  readonly memberRef: string;
  readonly brand: string;
  readonly walletId: string;
  /** False after the member has left the brand. */
  readonly active: boolean;
  /** Increases with every change; a link that is not newer is ignored. */
  readonly version: number;
  readonly changedAt: Date;
}

const MEMBER_REF = /^mb_[0-9A-Z]{26}$/;

/** Whether a text has the form of a memberRef; avoids look-ups of impossible ones. */
export function isMemberRef(text: string): boolean {
  return MEMBER_REF.test(text);
}

/** The link in an unknown JSON value, or null. Protects against wrong input. */
export function memberLinkFrom(value: unknown): MemberLink | null {
  if (typeof value !== 'object' || value === null) return null;
  const { memberRef, brand, walletId, status, version, changedAt } = value as Record<string, unknown>;
  if (typeof memberRef !== 'string' || typeof brand !== 'string' || typeof walletId !== 'string') return null;
  if (status !== 'active' && status !== 'deleted') return null;
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) return null;
  const at = typeof changedAt === 'string' ? parseInstant(changedAt) : null;
  return at === null ? null : { memberRef, brand, walletId, active: status === 'active', version, changedAt: at };
}
