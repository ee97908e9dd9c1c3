import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, list, maybe, instant } = shape;

export const TIER_GRANT = named('TierGrant', {
  id: text,
  memberRef: text,
  source: shape.oneOf(['match', 'manual']),
  rank: whole,
  state: shape.oneOf(['approved', 'revoked', 'expired']),
  from: instant,
  to: instant,
  reason: text,
  proof: maybe(text),
  madeBy: text,
  approvedBy: text,
  revokedBy: maybe(text),
});
export const TIER_GRANTS = object({ data: list(TIER_GRANT) });

export type TierGrantView = AnswerOf<typeof TIER_GRANT>;
export type TierGrantsView = AnswerOf<typeof TIER_GRANTS>;
