import { defineTable, key, orNull, smallint, text, timestamptz } from '#libs/postgres';
import type { TierGrant } from './grant.js';

export const GRANTS = defineTable('tier_grant', {
  id: key(text('grant_id')),
  walletId: text(),
  memberRef: text(),
  source: text<TierGrant['source']>(),
  rank: smallint(),
  from: timestamptz('from_at'),
  to: timestamptz('to_at'),
  reason: text(),
  proof: orNull(text()),
  madeBy: text(),
  madeAt: timestamptz(),
  approvedBy: text(),
});
