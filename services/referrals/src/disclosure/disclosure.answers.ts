import { shape } from '#libs/http';

const { text, whole, minor } = shape;

export const DISCLOSURE = shape.named('Disclosure', {
  asOf: shape.instant,
  offerId: shape.maybe(text),
  currency: text,
  distributors: whole,
  shareWithZero: text,
  median: minor,
  total: minor,
  topTenthShare: text,
  gini: text,
});
