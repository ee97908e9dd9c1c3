import { bigint, bytea, defineTable, filled, key, text, timestamptz } from '#libs/postgres';
import type { InsertOf } from '#libs/postgres';

export const WAITING_EVENTS = defineTable('waiting_event', {
  seq: key(filled(bigint())),
  walletId: text(),
  orderId: text(),
  eventId: text(),
  type: text(),
  body: bytea(),
  queuedAt: filled(timestamptz()),
});

/** An event of an order that waits for its buyer's contributor. */
export type WaitingEvent = InsertOf<typeof WAITING_EVENTS>;
