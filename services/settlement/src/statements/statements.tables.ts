import { bigint, defineTable, filled, integer, key, numeric, orNull, text } from '#libs/postgres';
import type { Party } from '../parties/party.js';

export const STATEMENTS = defineTable('statement', {
  cycle: key(text()),
  party: key(text<Party>()),
  version: key(integer()),
  seq: filled(bigint()),
  currency: text(),
  count: bigint('line_count'),
  points: numeric(),
  amountMicro: numeric(),
  paysMicro: numeric(),
  receivesMicro: numeric(),
  feesMicro: numeric(),
  net: numeric(),
  hash: text(),
  previousHash: orNull(text()),
});
