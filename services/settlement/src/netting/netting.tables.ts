import { bigint, decimal, defineTable, filled, integer, key, numeric, orNull, text } from '#libs/postgres';
import type { RowOf } from '#libs/postgres';
import type { Party } from '../parties/party.js';
import type { GroupKind } from './netting.js';

export const FROZEN_GROUPS = defineTable('frozen_group', {
  cycle: text(),
  payer: text<Party>(),
  payee: text<Party>(),
  kind: text<GroupKind>(),
  asset: orNull(text()),
  priceMicro: bigint(),
  points: numeric(),
  amountMicro: numeric(),
  amount: numeric(),
  payerEntity: orNull(text()),
  payeeEntity: orNull(text()),
  fxRate: filled(decimal()),
  taxBp: filled(integer()),
});

/** A frozen group, with its rounded figure and the rates at the freeze. */
export type FrozenGroup = RowOf<typeof FROZEN_GROUPS>;

export const FROZEN_MATRIX = defineTable('frozen_matrix', {
  cycle: key(text()),
  issuer: key(text<Party>()),
  redeemer: key(text<Party>()),
  asset: key(text()),
  points: numeric(),
  amountMicro: numeric(),
});

/** Redemptions of one issuer's points at one redeemer, give-backs deducted. */
export type MatrixCell = RowOf<typeof FROZEN_MATRIX>;
