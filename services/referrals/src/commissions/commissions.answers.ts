import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { PARTIES } from '../splits/split.js';
import { COMMISSION_STATES } from './commission.js';

const { object, named, text, whole, minor, flag, list, maybe, optional, instant } = shape;
const PARTY = shape.oneOf(PARTIES);
const SHARES = shape.each(PARTIES, optional(whole));

const COMMISSION_FIELDS = {
  id: text,
  orderId: text,
  memberRef: text,
  storeRef: text,
  offerId: maybe(text),
  // operator only
  linkId: optional(maybe(text)),
  campaign: optional(maybe(text)),
  state: shape.oneOf(COMMISSION_STATES),
  reason: maybe(text),
  currency: text,
  plan: object({
    rule: text,
    poolBp: whole,
    floorBp: whole,
    restBp: whole,
    shares: object(SHARES),
  }),
  base: minor,
  remaining: minor,
  rest: minor,
  restRemaining: minor,
  pool: minor,
  used: minor,
  returnedToPayer: minor,
  parties: list(object({ party: PARTY, payee: text, held: minor })),
  legs: list(
    object({
      id: text,
      entryId: text,
      party: PARTY,
      payee: text,
      amount: minor,
      currency: text,
      reverses: maybe(text),
      day: text,
      postedAt: instant,
      // seller only: the salt of the leg in the totals of its day
      salt: optional(text),
    }),
  ),
  occurredAt: instant,
  receivedAt: maybe(instant),
  holdUntil: maybe(instant),
};

export const COMMISSION = named('Commission', COMMISSION_FIELDS);
export const COMMISSION_PAGE = shape.page(COMMISSION);

const CLAIM = shape.oneOf(['guide', 'code', 'deep_link', 'click', 'none']);
const DECISION = named('AttributionDecision', {
  wonBy: CLAIM,
  rule: text,
  refused: list(object({ kind: CLAIM, value: maybe(text), reason: text })),
});
export const COMMISSION_IN_FULL = named('CommissionInFull', { ...COMMISSION_FIELDS, decision: maybe(DECISION) });

const COMMISSION_DAY = named('CommissionDay', {
  day: text,
  seller: text,
  currency: text,
  amount: minor,
  legs: whole,
  root: text,
  final: flag,
});
export const COMMISSION_DAYS = object({ data: list(COMMISSION_DAY) });

export type CommissionView = AnswerOf<typeof COMMISSION>;
export type CommissionDaysView = AnswerOf<typeof COMMISSION_DAYS>;
export type CommissionInFullView = AnswerOf<typeof COMMISSION_IN_FULL>;
export type CommissionDayView = AnswerOf<typeof COMMISSION_DAY>;
export type DecisionView = AnswerOf<typeof DECISION>;
