import { bigint, boolean, defineTable, jsonb, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { PayeeDecision } from './erased-payees.answers.js';

export type PayoutState = 'draft' | 'released' | 'paid' | 'cancelled';

export const PAYOUTS = defineTable('payout', {
  id: key(uuid()),
  currency: text(),
  state: text<PayoutState>(),
  maker: text(),
  /** The clients that requested and approved the release. */
  releasedBy: orNull(text()),
  checker: orNull(text()),
  /** Hash of the payload that the checker approved. */
  approvedHash: orNull(text()),
  confirmedBy: orNull(text()),
  createdAt: timestamptz(),
  releasedAt: orNull(timestamptz()),
  paidAt: orNull(timestamptz()),
});

export type Payout = RowOf<typeof PAYOUTS>;

/** What an item draws from one share: commission, party, money, and the part that repays an older debt. */
export type ItemShare = readonly [commissionId: string, party: string, net: bigint, netted: bigint];

export const PAYOUT_ITEMS = defineTable('payout_item', {
  payoutId: key(uuid()),
  owner: key(text()),
  gross: bigint(),
  netted: bigint(),
  tax: bigint(),
  net: bigint(),
  shares: jsonb((stored) => (stored as [string, string, string, string][]).map(shareOf)),
  hash: text(),
  /** The person was erased. They drop out at the release, and their shares are owed again. */
  leftOut: boolean(),
});

export type PayoutItem = RowOf<typeof PAYOUT_ITEMS>;

export const PAYEE_DECISIONS = defineTable('erased_payee_decision', {
  id: key(uuid()),
  owner: text(),
  currency: text(),
  decision: text<PayeeDecision>(),
  amount: bigint(),
  reason: text(),
  maker: text(),
  checker: text(),
  at: timestamptz(),
});

export type DecidedPayee = RowOf<typeof PAYEE_DECISIONS>;

function shareOf([commissionId, party, net, netted]: [string, string, string, string]): ItemShare {
  return [commissionId, party, BigInt(net), BigInt(netted)];
}
