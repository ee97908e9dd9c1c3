import { defineTable, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { OwnerKind } from './owner.js';

export const DISTRIBUTORS = defineTable('distributor', {
  id: key(uuid()),
  brand: text(),
  kind: text<OwnerKind>(),
  ref: text(),
  owner: text(),
  walletId: orNull(text()),
  createdAt: timestamptz(),
});

export type Distributor = RowOf<typeof DISTRIBUTORS> & { readonly introducer: string | null };
