import { bigint, bytea, defineTable, filled, jsonb, key, text, timestamptz } from '#libs/postgres';
import type { InsertOf, RowOf } from '#libs/postgres';
import type { BrandView } from './brands.answers.js';
import type { BrandStatus } from './brand-lifecycle.js';

export const BRANDS = defineTable('brand', {
  slug: key(text()),
  name: text(),
  status: text<BrandStatus>(),
  currency: text(),
  legalEntityId: text(),
  version: filled(bigint()),
  /** Hash of the content at creation: a repeat gets the same answer, other content is refused. */
  createdHash: bytea(),
  createdAnswer: jsonb<BrandView>(),
  createdAt: timestamptz(),
  updatedAt: timestamptz(),
});

export type Brand = RowOf<typeof BRANDS>;
export type NewBrand = InsertOf<typeof BRANDS>;
