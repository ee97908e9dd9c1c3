import { shape } from '#libs/http';

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

export const ENTRY_PAGE = shape.page(
  named('WalletEntry', {
    id: text,
    type: text,
    points,
    occurredAt: instant,
    postedAt: instant,
    reference: maybe(text),
    order: maybe(object({ externalId: text })),
    reason: maybe(text),
    trace: texts,
  }),
);

export const EXPIRATION_PAGE = shape.page(EXPIRATION);

const { properties, required } = shape.page(
  named('Lot', {
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
  }),
) as { properties: Record<string, object>; required: string[] };

/** Lots, and what is owed beside them. */
export const LOT_PAGE = {
  type: 'object',
  required: [...required, 'debts'],
  properties: {
    ...properties,
    debts: list(named('Debt', { id: text, issuer: text, points, remaining: points, since: instant })),
  },
};
