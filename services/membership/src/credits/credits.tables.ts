import { bigint, defineTable, key, text, timestamptz } from '#libs/postgres';
import type { InsertOf } from '#libs/postgres';

export const ORDERS = defineTable('qualifying_order', {
  orderId: key(text()),
  walletId: text(),
  brand: text(),
  externalId: text(),
  occurredAt: timestamptz(),
  net: bigint(),
});

export const RETURNS = defineTable('qualifying_return', {
  returnId: key(text()),
  orderId: text(),
  walletId: text(),
  brand: text(),
  at: timestamptz(),
  net: bigint(),
});

export type NewOrder = InsertOf<typeof ORDERS>;
export type NewReturn = InsertOf<typeof RETURNS>;
