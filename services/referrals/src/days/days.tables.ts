import { date, defineTable, integer, key, numeric, text } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';

export const DAY_TOTALS = defineTable('commission_day', {
  day: key(date()),
  seller: key(text()),
  contributor: key(text()),
  currency: key(text()),
  amount: numeric(),
  legs: integer(),
  root: text(),
  /** Hash of whose legs they are. Not shown. */
  owners: text(),
});

/** Legs of one day, seller and currency: those of one contributor, or (contributor empty) of all parties, for the seller. */
export type DayTotal = RowOf<typeof DAY_TOTALS>;
