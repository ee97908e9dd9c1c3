import { shape } from '#libs/http';

const { object, named, text, whole, sum, price, list, maybe, optional, oneOf, instant } = shape;

export const STATEMENT = named('Statement', {
  cycle: text,
  brand: text,
  version: whole,
  currency: text,
  status: text,
  lines: object({ count: whole, points: sum, amount: price }),
  pays: price,
  receives: price,
  fees: price,
  net: sum,
  // payments to and from each counterparty without fees, as totals of the cycle
  counterparties: list(
    named('Counterparty', {
      brand: text,
      direction: oneOf(['pays', 'receives']),
      kind: oneOf(['reimbursement', 'commission']),
      points: sum,
      amount: price,
    }),
  ),
  // null until the cycle is frozen
  hash: maybe(text),
  previousHash: maybe(text),
});

/** A line of the reader's own act, or (with `count` and `root`) a total of a day. */
export const LINE_PAGE = shape.page(
  named('StatementLine', {
    id: text,
    type: text,
    originalLine: optional(maybe(text)),
    day: text,
    occurredAt: optional(instant),
    postedAt: optional(instant),
    payer: text,
    payee: text,
    redeemer: optional(text),
    seller: optional(text),
    store: optional(maybe(text)),
    count: optional(whole),
    points: sum,
    price,
    amount: price,
    currency: text,
    reference: optional(maybe(text)),
    memberRef: optional(maybe(text)),
    root: optional(text),
  }),
);
