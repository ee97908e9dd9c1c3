import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { named, text, minor, maybe, instant } = shape;

export const DECISIONS = ['release', 'write_off'] as const;
export type PayeeDecision = (typeof DECISIONS)[number];

/** An erased person with earnings that wait for a decision or, after a release, for the next payout. */
const ERASED_PAYEE = named('ErasedPayee', {
  beneficiary: text,
  currency: text,
  owed: minor,
  decision: maybe(shape.oneOf(DECISIONS)),
});
export const ERASED_PAYEE_PAGE = shape.page(ERASED_PAYEE);

export const ERASED_PAYEE_DECISION = named('ErasedPayeeDecision', {
  beneficiary: text,
  currency: text,
  decision: shape.oneOf(DECISIONS),
  amount: minor,
  reason: text,
  maker: text,
  checker: text,
  at: instant,
});

export type ErasedPayeeDecisionView = AnswerOf<typeof ERASED_PAYEE_DECISION>;
export type ErasedPayeeView = AnswerOf<typeof ERASED_PAYEE>;
