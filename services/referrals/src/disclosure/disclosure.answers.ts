import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { text, whole, minor, maybe } = shape;

export const DISCLOSURE = shape.named('Disclosure', {
  asOf: shape.instant,
  offerId: maybe(text),
  currency: text,
  distributors: maybe(whole),
  shareWithZero: maybe(text),
  median: maybe(minor),
  total: maybe(minor),
  topTenthShare: maybe(text),
  gini: maybe(text),
});

export type DisclosureView = AnswerOf<typeof DISCLOSURE>;
