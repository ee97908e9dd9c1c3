import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, points, list, maybe, instant } = shape;
const STATUS = shape.oneOf(['authorized', 'partially_captured', 'captured', 'voided', 'expired']);
const WALLET = object({ available: points, held: points });
// null if the member is no longer the brand's
const TOLD_WALLET = maybe(WALLET);
const HOLD = { id: text, externalId: text, status: STATUS, points, captured: points, expiresAt: instant };

export const AUTHORIZATION_ANSWER = named('AuthorizationAnswer', { ...HOLD, wallet: WALLET });

export const VOID_ANSWER = named('VoidAnswer', { ...HOLD, wallet: TOLD_WALLET });

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
  wallet: TOLD_WALLET,
});

export const REDEMPTION_RETURN_ANSWER = named('RedemptionReturnAnswer', {
  id: text,
  restored: list(object({ points, expiresAt: maybe(instant) })),
  wallet: TOLD_WALLET,
});

export type AuthorizationAnswer = AnswerOf<typeof AUTHORIZATION_ANSWER>;
export type VoidAnswer = AnswerOf<typeof VOID_ANSWER>;
export type AuthorizationView = AnswerOf<typeof AUTHORIZATION>;
export type CaptureAnswer = AnswerOf<typeof CAPTURE_ANSWER>;
export type RedemptionReturnAnswer = AnswerOf<typeof REDEMPTION_RETURN_ANSWER>;
