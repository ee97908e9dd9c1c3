import { boolean, defineTable, key, text, timestamptz, uuid } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { ConsentPurpose } from './consent.js';

export const CONSENT_EVENTS = defineTable('consent_event', {
  eventId: key(uuid()),
  brand: text(),
  memberRef: text(),
  personId: uuid(),
  purpose: text<ConsentPurpose>(),
  granted: boolean(),
  policyVersion: text(),
  channel: text(),
  at: timestamptz(),
  recordedAt: timestamptz(),
});

/** A consent with its place in the record. */
export type ConsentEvent = RowOf<typeof CONSENT_EVENTS>;
