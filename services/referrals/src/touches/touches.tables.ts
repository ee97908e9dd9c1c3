import { defineTable, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { TouchKind } from './touches.dto.js';

export const TOUCHES = defineTable('touch', {
  id: key(uuid()),
  brand: text(),
  seller: text(),
  toldBy: text(),
  linkId: uuid(),
  kind: text<TouchKind>(),
  walletId: orNull(text()),
  at: timestamptz(),
  recordedAt: timestamptz(),
});

export type Touch = RowOf<typeof TOUCHES>;
