import { bigint, date, defineTable, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { Party } from '../splits/split.js';

export const LEGS = defineTable('leg', {
  id: key(uuid()),
  entryId: uuid(),
  commissionId: uuid(),
  brand: text(),
  party: text<Party>(),
  owner: text(),
  payee: text(),
  amount: bigint(),
  currency: text(),
  reversesLegId: orNull(uuid()),
  postedAt: timestamptz(),
  /** Day of recording in the alliance's zone: that of posting, or the first open one after it. */
  day: date(),
});

/** One party's part of one entry: signed minor units. */
export type Leg = RowOf<typeof LEGS>;
