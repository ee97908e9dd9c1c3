import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, points, list, maybe, instant, flag, texts, optional } = shape;
const EXPIRATION = named('PointsExpiration', { points, at: instant });

export const WALLET = named('Wallet', {
  memberRef: text,
  asOf: instant,
  available: points,
  pending: points,
  held: points,
  debt: points,
  balance: points,
  nextExpiry: maybe(EXPIRATION),
  availableHere: optional(points),
});

const ENTRY = named('WalletEntry', {
  id: text,
  type: text,
  points,
  pending: points,
  occurredAt: instant,
  postedAt: instant,
  reference: maybe(text),
  order: maybe(object({ externalId: text })),
  reason: maybe(text),
  trace: texts,
});
export const ENTRY_PAGE = shape.page(ENTRY);

export const EXPIRATION_PAGE = shape.page(EXPIRATION);

const LOT = named('Lot', {
  id: text,
  issuer: text,
  points,
  remaining: points,
  held: points,
  pending: flag,
  earnedAt: instant,
  availableFrom: maybe(instant),
  expiresAt: maybe(instant),
  campaign: maybe(text),
  reason: maybe(text),
});
const DEBT = named('Debt', { id: text, issuer: text, points, remaining: points, since: instant });

export const LOT_PAGE = object({ data: list(LOT), page: shape.pageInfo(), debts: list(DEBT) });

export type WalletView = AnswerOf<typeof WALLET>;
export type EntryView = AnswerOf<typeof ENTRY>;
export type ExpirationView = AnswerOf<typeof EXPIRATION>;
export type LotView = AnswerOf<typeof LOT>;
export type DebtView = AnswerOf<typeof DEBT>;
export type LotPage = AnswerOf<typeof LOT_PAGE>;
