import { defineTable, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { OwnerKind } from '../distributors/owner.js';

export const LINKS = defineTable('link', {
  id: key(uuid()),
  code: text(),
  brand: text(),
  seller: text(),
  offerId: uuid(),
  campaign: text(),
  ownerKind: text<OwnerKind>(),
  ownerRef: text(),
  owner: text(),
  walletId: orNull(text()),
  target: text(),
  createdAt: timestamptz(),
});

/** A tracked link: who promotes which offer for which campaign, and where it leads. */
export type Link = RowOf<typeof LINKS>;
