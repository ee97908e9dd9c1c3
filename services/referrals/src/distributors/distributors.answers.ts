import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { OWNER_KINDS } from './owner.js';

const { object, named, text, whole, list, optional, instant } = shape;
const FIELDS = { id: text, kind: shape.oneOf(OWNER_KINDS), ref: text, introduced: shape.flag, createdAt: instant };

export const DISTRIBUTOR = named('Distributor', FIELDS);
export const DISTRIBUTOR_PAGE = shape.page(DISTRIBUTOR);

/** A row contains the distributor, or the code and title of its error. */
const DISTRIBUTOR_ROW = named('DistributorRow', {
  status: whole,
  id: optional(text),
  kind: optional(FIELDS.kind),
  ref: optional(text),
  introduced: optional(shape.flag),
  createdAt: optional(instant),
  code: optional(text),
  title: optional(text),
});
export const DISTRIBUTOR_ROWS = object({ rows: list(DISTRIBUTOR_ROW) });

export type DistributorView = AnswerOf<typeof DISTRIBUTOR>;
export type DistributorRowsView = AnswerOf<typeof DISTRIBUTOR_ROWS>;
export type DistributorRowView = AnswerOf<typeof DISTRIBUTOR_ROW>;
