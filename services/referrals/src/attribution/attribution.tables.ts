import { defineTable, jsonb, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { ClaimKind, RefusedClaim } from './attribution.js';

export const DECISIONS = defineTable('decision', {
  orderId: key(text()),
  brand: text(),
  walletId: text(),
  occurredAt: timestamptz(),
  rule: text('rule_version'),
  wonBy: text<ClaimKind>(),
  promoter: orNull(text()),
  guide: orNull(text()),
  linkId: orNull(uuid()),
  offerId: orNull(uuid()),
  document: jsonb<{ readonly refused: readonly RefusedClaim[] }>(),
});
