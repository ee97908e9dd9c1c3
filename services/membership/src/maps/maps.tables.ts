import { bigint, defineTable, filled, key, orNull, smallint, text, timestamptz } from '#libs/postgres';

export const MAPS = defineTable('tier_map', {
  id: key(text('map_id')),
  brand: text(),
  brandTier: text(),
  rank: smallint(),
  validFrom: timestamptz(),
  validTo: orNull(timestamptz()),
  createdBy: text(),
  createdAt: timestamptz(),
});

export const REPORTS = defineTable('tier_report', {
  brand: key(text()),
  walletId: key(text()),
  seq: key(filled(bigint())),
  brandTier: orNull(text()),
  at: timestamptz(),
  until: orNull(timestamptz()),
});
