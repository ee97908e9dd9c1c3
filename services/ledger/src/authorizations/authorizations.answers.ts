import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, points, list, maybe, instant } = shape;
const STATUS = shape.oneOf(['authorized', 'partially_captured', 'captured', 'voided', 'expired']);
const WALLET = object({ available: points, held: points });

export const AUTHORIZATION_ANSWER = named('AuthorizationAnswer', {
  id: text,
  externalId: text,
  status: STATUS,
  points,
  captured: points,
  expiresAt: instant,
  wallet: WALLET,
});

export const AUTHORIZATION = named('Authorization', {
  id: text,
  externalId: text,
  memberRef: text,
  storeRef: maybe(text),
  status: STATUS,
  points,
  captured: points,
  returned: points,
  createdAt: instant,
  expiresAt: instant,
});

export const CAPTURE_ANSWER = named('CaptureAnswer', {
  id: text,
  points,
  authorization: object({ status: STATUS, captured: points }),
  wallet: WALLET,
});

export const REDEMPTION_RETURN_ANSWER = named('RedemptionReturnAnswer', {
  id: text,
  restored: list(object({ points, expiresAt: maybe(instant) })),
  wallet: WALLET,
});

export type AuthorizationAnswer = AnswerOf<typeof AUTHORIZATION_ANSWER>;
export type AuthorizationView = AnswerOf<typeof AUTHORIZATION>;
export type CaptureAnswer = AnswerOf<typeof CAPTURE_ANSWER>;
export type RedemptionReturnAnswer = AnswerOf<typeof REDEMPTION_RETURN_ANSWER>;
