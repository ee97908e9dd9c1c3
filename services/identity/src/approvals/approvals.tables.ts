import { defineTable, filled, json, key, orNull, text, timestamptz } from '#libs/postgres';
import type { ApprovalState } from './approval.js';

export const APPROVALS = defineTable('approval', {
  id: key(text()),
  act: text(),
  maker: text(),
  payload: json<unknown>(),
  payloadHash: text(),
  state: text<ApprovalState>(),
  checker: orNull(text()),
  reason: orNull(text()),
  askedAt: filled(timestamptz()),
  expiresAt: timestamptz(),
  decidedAt: orNull(timestamptz()),
  usedAt: orNull(timestamptz()),
});
