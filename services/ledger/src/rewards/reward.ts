import { inCellOf, uuidFromText } from '#libs/kernel';

import type { NetworkReason } from '../postings/lot-reasons.js';

/** Points that another service decided on: given when positive, taken back when negative. */
export interface Reward {
  /** Permanent key of the posting. */
  key: string;
  reason: Extract<NetworkReason, 'referral_rebate' | 'earnings_conversion'>;
  issuer: string;
  walletId: string;
  points: bigint;
  /** What these points are given for: what is taken back for the same goes to its own lots first. */
  purpose: string;
  /** Key of the reward that gave what this one takes back, where it is told. */
  undoes: string | null;
  /** Told only because what it undoes was declined here. */
  afterDecline: boolean;
  occurredAt: Date;
}

/** The id under which the lots of one purpose stand. It follows from the purpose, so that taking back finds what was given. */
export function originOf({ reason, issuer, walletId, purpose }: Reward): string {
  return inCellOf(walletId, uuidFromText(`${reason}|${issuer}|${purpose}`));
}
