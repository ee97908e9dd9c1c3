import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { OWNER_KINDS } from '../distributors/owner.js';

const { object, named, text, minor, points, price, list, instant } = shape;
const CONVERSION_FIELDS = { id: text, amount: minor, points, cost: price, remainder: price, at: instant };

export const EARNINGS = named('Earnings', {
  owner: object({ kind: shape.oneOf(OWNER_KINDS), ref: text }),
  balances: list(
    object({
      currency: text,
      pending: minor,
      held: minor,
      payable: minor,
      converted: minor,
      paid: minor,
      debt: minor,
      available: minor,
      total: minor,
    }),
  ),
  conversions: list(
    object({
      ...CONVERSION_FIELDS,
      // requested: no answer of the ledger yet; declined: the points were not given, the money is available again
      state: shape.oneOf(['requested', 'posted', 'declined']),
      reason: shape.maybe(text),
    }),
  ),
});

export const CONVERSION = named('Conversion', { ...CONVERSION_FIELDS, externalId: text, currency: text, price });

export type ConversionView = AnswerOf<typeof CONVERSION>;
export type EarningsView = AnswerOf<typeof EARNINGS>;
