import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, list, instant } = shape;

export const BRAND = named('Brand', {
  slug: text,
  name: text,
  status: text,
  legalEntity: object({ id: text, name: text }),
  currency: text,
  stores: list(object({ ref: text, name: text })),
  version: whole,
  createdAt: instant,
  updatedAt: instant,
});
export const BRAND_PAGE = shape.page(BRAND);
export const STORE = named('Store', { brand: text, ref: text, name: text });

export type BrandView = AnswerOf<typeof BRAND>;
export type StoreView = AnswerOf<typeof STORE>;
