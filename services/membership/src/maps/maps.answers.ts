import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, list, maybe, instant } = shape;

export const TIER_MAP = named('TierMap', {
  id: text,
  brand: text,
  brandTier: text,
  rank: whole,
  validFrom: instant,
  validTo: maybe(instant),
});
export const TIER_MAPS = object({ data: list(TIER_MAP) });

export type TierMapView = AnswerOf<typeof TIER_MAP>;
export type TierMapsView = AnswerOf<typeof TIER_MAPS>;
