import { date, defineTable, integer, key, orNull, text, timestamptz, uuid } from '#libs/postgres';
import type { Party } from '../parties/party.js';

export const OPENINGS = defineTable('opening', {
  id: key(uuid()),
  cycle: text(),
  day: date(),
  asker: text<Party>(),
  totalId: uuid(),
  leg: integer(),
  lineId: uuid(),
  counterparty: orNull(text<Party>()),
  counterpartyLineId: orNull(uuid()),
  counterpartyOpeningId: uuid(),
  reason: text(),
  askedBy: text(),
  askedAt: timestamptz(),
});
