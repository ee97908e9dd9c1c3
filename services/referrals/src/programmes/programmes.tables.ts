import { bigint, defineTable, filled, integer, key, orNull, smallint, text, timestamptz } from '#libs/postgres';
import type { InsertOf, RowOf } from '#libs/postgres';

export const PROGRAMMES = defineTable('referral_programme', {
  version: key(filled(integer())),
  /** What a contributor earns on goods that no offer pays on, in basis points. */
  contributorBp: integer(),
  /** The least that a contributor earns on goods of an offer, whatever the offer says. */
  contributorFloorBp: integer(),
  /** 1: distributors only; 2: with the one who introduced them. There is no more. */
  maxDepth: smallint<1 | 2>(),
  signOff: orNull(text()),
  introducerDays: integer(),
  returnDays: integer(),
  /** Price per point at which earnings become points, millionths of a minor unit; null: they don't. */
  conversionPriceMicro: orNull(bigint()),
  validFrom: timestamptz(),
  createdBy: text(),
  createdAt: timestamptz(),
});

/** What the operator sets for the whole alliance, by version. */
export type Programme = RowOf<typeof PROGRAMMES>;
export type NewProgramme = InsertOf<typeof PROGRAMMES>;
