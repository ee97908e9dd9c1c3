import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { OWNER_KINDS } from './owner.js';

const { object, named, text, whole, list, optional, instant } = shape;
const FIELDS = { id: text, kind: shape.oneOf(OWNER_KINDS), ref: text, introduced: shape.flag, createdAt: instant };

export const DISTRIBUTOR = named('Distributor', FIELDS);
export const DISTRIBUTOR_PAGE = shape.page(DISTRIBUTOR);

/** A row has the distributor, or the code and title of what is wrong with it. */
export const DISTRIBUTOR_ROWS = object({
  rows: list(
    named('DistributorRow', {
      status: whole,
      ...Object.fromEntries(Object.entries(FIELDS).map(([field, inner]) => [field, optional(inner)])),
      code: optional(text),
      title: optional(text),
    }),
  ),
});

export type DistributorView = AnswerOf<typeof DISTRIBUTOR>;
