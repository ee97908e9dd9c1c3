import { shape } from '#libs/http';

const { object, named, text, whole, minor, points, price, maybe, instant } = shape;

export const STATEMENT = named('Statement', {
  cycle: text,
  brand: text,
  version: whole,
  currency: text,
  status: text,
  lines: object({ count: whole, points, amount: price }),
  pays: price,
  receives: price,
  fees: price,
  net: minor,
  // null until the cycle is frozen
  hash: maybe(text),
  previousHash: maybe(text),
});

export const LINE_PAGE = shape.page(
  named('StatementLine', {
    id: text,
    type: text,
    originalLine: maybe(text),
    occurredAt: instant,
    postedAt: instant,
    payer: text,
    payee: text,
    issuer: maybe(text),
    redeemer: maybe(text),
    store: maybe(text),
    points,
    price,
    amount: price,
    currency: text,
    reference: maybe(text),
    memberRef: maybe(text),
  }),
);
