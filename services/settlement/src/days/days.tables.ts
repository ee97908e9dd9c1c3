import { bigint, date, defineTable, numeric, orNull, text } from '#libs/postgres';
import type { LineType } from '../entries/line.js';
import type { Party } from '../parties/party.js';

export const DAY_TOTALS = defineTable('day_total', {
  cycle: text(),
  day: date(),
  reader: text<Party>(),
  type: text<LineType>(),
  payer: text<Party>(),
  redeemer: orNull(text<Party>()),
  asset: orNull(text()),
  priceMicro: bigint(),
  legs: bigint(),
  points: numeric(),
  amountMicro: numeric(),
  root: text(),
});
