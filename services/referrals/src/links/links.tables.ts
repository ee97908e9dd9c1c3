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

/** A tracked link: the promoter, the offer, the campaign, and the target. */
export type Link = RowOf<typeof LINKS>;
