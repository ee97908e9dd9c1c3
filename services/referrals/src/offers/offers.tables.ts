import {
  bigint,
  boolean,
  defineTable,
  integer,
  jsonb,
  key,
  orNull,
  text,
  texts,
  timestamptz,
  uuid,
} from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import { PARTIES } from '../splits/split.js';
import type { Shares } from '../splits/split.js';

export const OFFERS = defineTable('offer', {
  id: key(uuid()),
  seller: text('brand'),
  name: text(),
  basis: text<'order'>(),
  /** Currency of the budget and the caps, and of the orders that the offer pays on. */
  currency: text(),
  poolBp: integer(),
  split: jsonb(sharesOf),
  rule: text('rule_version'),
  products: texts(),
  categories: texts(),
  hosts: texts(),
  windowDays: integer(),
  protectionDays: integer(),
  returnDays: integer(),
  budget: orNull(bigint()),
  capOrder: orNull(bigint()),
  capBeneficiaryDay: orNull(bigint()),
  capMonth: orNull(bigint()),
  /** Applies also to orders that nobody promoted. */
  standing: boolean(),
  validFrom: timestamptz(),
  validTo: orNull(timestamptz()),
  withdrawnAt: orNull(timestamptz()),
  createdAt: timestamptz(),
});

/** Terms under which a brand pays for orders brought by others. A published offer never changes; it can only be withdrawn. */
export type Offer = RowOf<typeof OFFERS>;

export const PICKUPS = defineTable('pickup', {
  id: key(uuid()),
  offerId: uuid(),
  brand: text(),
  campaign: text(),
  createdAt: timestamptz(),
});

export type Pickup = RowOf<typeof PICKUPS>;

/** Restores the order of parties, which a JSON column does not keep. */
function sharesOf(stored: unknown): Shares {
  const shares = stored as Shares;
  return Object.fromEntries(PARTIES.flatMap((party) => (shares[party] === undefined ? [] : [[party, shares[party]]])));
}
