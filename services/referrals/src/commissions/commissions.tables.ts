import type { EntityManager } from 'typeorm';
import { groupBy } from '#libs/kernel';
import {
  bigint,
  boolean,
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
import type { RowOf } from '#libs/postgres';
import type { Party, Plan } from '../splits/split.js';
import { byParty } from './commission.js';
import type { Commission, CommissionState, PaidLine } from './commission.js';

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

export async function withShares(tx: EntityManager, rows: readonly RowOf<typeof COMMISSIONS>[]): Promise<Commission[]> {
  if (rows.length === 0) return [];
  const found = await SHARES.query(tx, 'select * from commission_party where commission_id = any($1::uuid[])', [
    rows.map(({ id }) => id),
  ]);
  const shares = groupBy(found, ({ commissionId }) => commissionId);
  return rows.map((row) => ({ ...row, shares: (shares.get(row.id) ?? []).sort(byParty) }));
}

function linesOf(stored: unknown): readonly PaidLine[] {
  const lines = stored as (Omit<PaidLine, 'net' | 'returned'> & Record<'net' | 'returned', string>)[];
  return lines.map(({ net, returned, ...line }) => ({ ...line, net: BigInt(net), returned: BigInt(returned) }));
}
