import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, points, list, maybe, instant, minor, texts } = shape;

export const ORDER_ANSWER = named('OrderAnswer', {
  // null if the order was only simulated
  id: maybe(text),
  externalId: text,
  memberRef: text,
  points: object({ earned: points, pending: points, availableAt: maybe(instant) }),
  lines: list(object({ lineId: text, points })),
  trace: texts,
  wallet: object({ available: points }),
});

export const ORDER = named('Order', {
  id: text,
  externalId: text,
  memberRef: text,
  storeRef: maybe(text),
  occurredAt: instant,
  currency: text,
  campaign: maybe(text),
  authorizationId: maybe(text),
  points: object({ earned: points, pending: points, availableAt: maybe(instant), reversed: points }),
  lines: list(
    object({
      lineId: text,
      sku: maybe(text),
      category: maybe(text),
      quantity: shape.whole,
      net: minor,
      points,
      returned: object({ quantity: shape.whole, net: minor }),
    }),
  ),
  trace: texts,
});

// null if the member is no longer the brand's
const TOLD_WALLET = maybe(object({ available: points }));

export const DELIVERY_ANSWER = named('DeliveryAnswer', {
  id: text,
  externalId: text,
  occurredAt: instant,
  // points that waited for the delivery: those now spendable, and those already expired
  points: object({ released: points, expired: points }),
  wallet: TOLD_WALLET,
});

export const ORDER_RETURN_ANSWER = named('OrderReturnAnswer', {
  id: text,
  points: object({ reversed: points, fromPending: points, expired: points, toDebt: points }),
  wallet: TOLD_WALLET,
});

export type OrderAnswer = AnswerOf<typeof ORDER_ANSWER>;
export type OrderView = AnswerOf<typeof ORDER>;
export type DeliveryAnswer = AnswerOf<typeof DELIVERY_ANSWER>;
export type OrderReturnAnswer = AnswerOf<typeof ORDER_RETURN_ANSWER>;
