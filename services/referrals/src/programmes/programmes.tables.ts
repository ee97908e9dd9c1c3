import { bigint, defineTable, filled, integer, key, orNull, smallint, text, timestamptz } from '#libs/postgres';
import type { InsertOf, RowOf } from '#libs/postgres';

export const PROGRAMMES = defineTable('referral_programme', {
  version: key(filled(integer())),
  /** The contributor's rate on goods that no offer pays on, in basis points. */
  contributorBp: integer(),
  /** The contributor's least rate on goods of an offer, in basis points, whatever the offer says. */
  contributorFloorBp: integer(),
  /** 1: distributors only; 2: also the person who introduced them. No other value exists. */
  maxDepth: smallint<1 | 2>(),
  signOff: orNull(text()),
  introducerDays: integer(),
  returnDays: integer(),
  /** Price per point for converting earnings to points, in millionths of a minor unit; null: no conversion. */
  conversionPriceMicro: orNull(bigint()),
  validFrom: timestamptz(),
  createdBy: text(),
  createdAt: timestamptz(),
});

/** The operator's settings for the whole alliance, by version. */
export type Programme = RowOf<typeof PROGRAMMES>;
export type NewProgramme = InsertOf<typeof PROGRAMMES>;
