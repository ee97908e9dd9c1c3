import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, minor, flag, maybe, optional, instant, texts } = shape;
const SHARE = optional(whole);

export const OFFER = named('Offer', {
  id: text,
  brand: text,
  name: text,
  basis: text,
  currency: text,
  poolBp: whole,
  split: object({
    memberRebate: SHARE,
    contributor: SHARE,
    distributor: SHARE,
    introducer: SHARE,
    store: SHARE,
    guide: SHARE,
    operator: SHARE,
  }),
  rule: text,
  products: texts,
  categories: texts,
  targets: texts,
  windowDays: whole,
  protectionDays: whole,
  returnDays: whole,
  caps: object({ order: maybe(minor), beneficiaryDay: maybe(minor), month: maybe(minor) }),
  standing: flag,
  validFrom: instant,
  validTo: maybe(instant),
  withdrawnAt: maybe(instant),
  // seller only; lists omit the usage
  budget: optional(maybe(minor)),
  used: optional(minor),
});
export const OFFER_PAGE = shape.page(OFFER);

export const PICKUP = named('Pickup', { id: text, offerId: text, campaign: text, createdAt: instant });

export type OfferView = AnswerOf<typeof OFFER>;
export type PickupView = AnswerOf<typeof PICKUP>;
