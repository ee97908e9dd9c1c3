import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { OWNER_KINDS } from '../distributors/owner.js';

const { object, named, text, whole, instant } = shape;

export const LINK = named('Link', {
  id: text,
  code: text,
  url: text,
  offerId: text,
  seller: text,
  campaign: text,
  owner: object({ kind: shape.oneOf(OWNER_KINDS), ref: text }),
  target: text,
  clicks: whole,
  createdAt: instant,
});
export const LINK_PAGE = shape.page(LINK);

export type LinkView = AnswerOf<typeof LINK>;
