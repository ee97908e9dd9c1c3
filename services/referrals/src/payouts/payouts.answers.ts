import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, minor, list, maybe, instant, flag } = shape;

export const PAYOUT = named('Payout', {
  id: text,
  currency: text,
  state: shape.oneOf(['draft', 'released', 'paid', 'cancelled']),
  maker: text,
  releasedBy: maybe(text),
  checker: maybe(text),
  createdAt: instant,
  releasedAt: maybe(instant),
  paidAt: maybe(instant),
  net: minor,
  items: list(
    object({ beneficiary: text, gross: minor, netted: minor, tax: minor, net: minor, hash: text, leftOut: flag }),
  ),
});

export type PayoutView = AnswerOf<typeof PAYOUT>;
