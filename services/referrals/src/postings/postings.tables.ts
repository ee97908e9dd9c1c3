import { bigint, boolean, date, defineTable, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
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
  /** Day of recording in the alliance's zone: the day of posting, or the first open day after it. */
  day: date(),
  /** Whether settlement receives the leg immediately, or when the brand is told of the share. */
  settled: boolean(),
});

/** One party's part of one entry: signed minor units. */
export type Leg = RowOf<typeof LEGS>;

export const TOLD_SHARES = defineTable('told_share', {
  entryId: key(uuid()),
  commissionId: uuid(),
  brand: text(),
  party: text<Party>(),
  payee: text(),
  amount: bigint(),
  currency: text(),
  postedAt: timestamptz(),
});

/** What settlement received of a share when its brand was told of it. */
export type ToldShare = RowOf<typeof TOLD_SHARES>;
