import { bigint, defineTable, filled, key, numeric, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { InsertOf } from '#libs/postgres';
import type { Party } from '../splits/split.js';

/** Takings of shares. */
export const DRAWS = defineTable('earning_draw', {
  id: key(uuid()),
  commissionId: uuid(),
  party: text<Party>(),
  owner: text(),
  currency: text(),
  conversionId: orNull(uuid()),
  payoutId: orNull(uuid()),
  writeOffId: orNull(uuid()),
  repays: orNull(uuid()),
  amount: bigint(),
  givenBack: filled(bigint()),
  owed: filled(bigint()),
  repaid: filled(bigint()),
});

export const CONVERSIONS = defineTable('conversion', {
  id: key(uuid()),
  owner: text(),
  walletId: text(),
  brand: text(),
  currency: text(),
  amount: bigint(),
  asset: filled(text()),
  points: bigint(),
  priceMicro: bigint(),
  costMicro: filled(orNull(numeric())),
  remainderMicro: filled(orNull(numeric())),
  reverses: orNull(uuid()),
  at: timestamptz(),
});

export type Conversion = InsertOf<typeof CONVERSIONS>;
