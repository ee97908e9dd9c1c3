import { bigint, boolean, defineTable, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
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
  confirmedBy: orNull(text()),
  createdAt: timestamptz(),
  releasedAt: orNull(timestamptz()),
  paidAt: orNull(timestamptz()),
});

export type Payout = RowOf<typeof PAYOUTS>;

export const PAYOUT_ITEMS = defineTable('payout_item', {
  payoutId: key(uuid()),
  owner: key(text()),
  gross: bigint(),
  netted: bigint(),
  tax: bigint(),
  net: bigint(),
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
