import { defineTable, key, numeric, text } from '#libs/postgres';
import type { Party } from '../parties/party.js';

export const NET_POSITIONS = defineTable('net_position', {
  cycle: key(text()),
  party: key(text<Party>()),
  net: numeric(),
  disputed: numeric(),
});
