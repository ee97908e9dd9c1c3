import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

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

export const STATEMENT_EXAMPLE: AnswerOf<typeof STATEMENT> = {
  cycle: '2026-03',
  brand: 'aurora',
  version: 1,
  currency: 'CNY',
  status: 'closed',
  lines: { count: 4, points: 33500, amount: '13650.00' },
  pays: '9000.00',
  receives: '3150.00',
  fees: '1500.00',
  net: -7350,
  counterparties: [
    { brand: 'birch', direction: 'receives', kind: 'reimbursement', points: 3000, amount: '2700.00' },
    { brand: 'crest', direction: 'pays', kind: 'reimbursement', points: 10000, amount: '9000.00' },
    { brand: 'crest', direction: 'receives', kind: 'reimbursement', points: 500, amount: '450.00' },
  ],
  hash: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  previousHash: null,
};

export const LINES_EXAMPLE: AnswerOf<typeof LINE_PAGE> = {
  data: [
    {
      id: 'ln_5D9XJZ0Q1W8T6V3M2K4N7P8R1S',
      type: 'redemption',
      originalLine: null,
      day: '2026-03-20',
      occurredAt: '2026-03-20T04:00:00Z',
      postedAt: '2026-03-20T04:00:00Z',
      payer: 'alliance',
      payee: 'aurora',
      store: 'A-001',
      points: 3500,
      price: '0.90',
      amount: '3150.00',
      currency: 'CNY',
      reference: 'A-881-1',
      memberRef: 'mb_01JQ8Z5W7N4X2V9T3R6P1M8K5H',
    },
    {
      id: 'ln_1V9XJZ0Q1W8T6V3M2K4N7P8R1T',
      type: 'redemption',
      day: '2026-03-20',
      payer: 'aurora',
      payee: 'alliance',
      redeemer: 'crest',
      count: 1,
      points: 10000,
      price: '0.90',
      amount: '9000.00',
      currency: 'CNY',
      root: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    },
  ],
  page: { after: null, more: false },
};
