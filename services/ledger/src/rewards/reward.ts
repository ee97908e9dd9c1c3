import { inCellOf, uuidFromText } from '#libs/kernel';

import type { NetworkReason } from '../postings/lot-reasons.js';

/** Points that another service decided on: given if positive, taken back if negative. */
export interface Reward {
  /** Permanent key of the posting. */
  key: string;
  reason: Extract<NetworkReason, 'referral_rebate' | 'earnings_conversion'>;
  issuer: string;
  walletId: string;
  points: bigint;
  /** What the points are given for. Points taken back for the same purpose come from its own lots first. */
  purpose: string;
  /** Key of the reward that this one takes back, if known. */
  undoes: string | null;
  /** Sent only because the reward that it reverses was declined here. */
  afterDecline: boolean;
  occurredAt: Date;
}

/** The origin id of the lots of one purpose. It is derived from the purpose, so that taking points back finds the lots. */
export function originOf({ reason, issuer, walletId, purpose }: Reward): string {
  return inCellOf(walletId, uuidFromText(`${reason}|${issuer}|${purpose}`));
}
