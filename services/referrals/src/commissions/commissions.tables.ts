import {
  bigint,
  boolean,
  bytea,
  date,
  defineTable,
  filled,
  integer,
  jsonb,
  key,
  orNull,
  text,
  timestamptz,
  uuid,
} from '#libs/postgres';
import type { InsertOf, RowOf } from '#libs/postgres';
import type { Party, Plan } from '../splits/split.js';
import type { CommissionState, PaidLine } from './commission.js';

export const COMMISSIONS = defineTable('commission', {
  id: key(uuid()),
  orderId: text(),
  orderExternalId: text(),
  brand: text(),
  store: text(),
  walletId: text(),
  memberRef: text(),
  currency: text(),
  offerId: orNull(uuid()),
  linkId: orNull(uuid()),
  campaign: orNull(text()),
  plan: jsonb<Plan>(),
  ruleVersion: text(),
  lines: jsonb(linesOf),
  base: bigint(),
  remaining: bigint(),
  rest: bigint(),
  restRemaining: bigint(),
  pool: bigint(),
  used: bigint(),
  cap: orNull(bigint()),
  state: text<CommissionState>(),
  reason: orNull(text()),
  returnDays: integer(),
  occurredAt: timestamptz(),
  postedAt: timestamptz(),
  receivedAt: orNull(timestamptz()),
  holdUntil: orNull(timestamptz()),
  unbound: boolean(),
});

export const SHARES = defineTable('commission_party', {
  commissionId: key(uuid()),
  brand: text(),
  party: key(text<Party>()),
  owner: text(),
  payee: text(),
  through: orNull(text()),
  currency: text(),
  cap: orNull(bigint()),
  held: filled(bigint()),
  taken: filled(bigint()),
  told: boolean(),
});

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

export const WAITING_EVENTS = defineTable('waiting_event', {
  seq: key(filled(bigint())),
  walletId: text(),
  orderId: text(),
  eventId: text(),
  type: text(),
  body: bytea(),
  queuedAt: filled(timestamptz()),
});

/** An event of an order that waits until its buyer's contributor is known. */
export type WaitingEvent = InsertOf<typeof WAITING_EVENTS>;

function linesOf(stored: unknown): readonly PaidLine[] {
  const lines = stored as (Omit<PaidLine, 'net' | 'returned'> & Record<'net' | 'returned', string>)[];
  return lines.map(({ net, returned, ...line }) => ({ ...line, net: BigInt(net), returned: BigInt(returned) }));
}
