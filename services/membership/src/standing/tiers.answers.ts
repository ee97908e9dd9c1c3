import { shape } from '#libs/http';

const { object, named, text, whole, points, price, list, maybe, optional, instant, texts } = shape;

const SOURCE = shape.oneOf(['earned', 'mapped', 'match', 'manual']);
const CONDITION = named('TierCondition', { needed: points, have: points, missing: points });
/** Only what the rules ask for. */
const CONDITIONS = { credits: optional(CONDITION), visits: optional(CONDITION), brands: optional(CONDITION) };

export const TIER = named('Tier', {
  memberRef: text,
  tier: text,
  rank: whole,
  source: SOURCE,
  earnedRank: whole,
  since: maybe(instant),
  until: maybe(instant),
  dropsAt: maybe(instant),
  credits: points,
  visits: whole,
  brands: whole,
  next: maybe(named('NextTier', { tier: text, rank: whole, anyOf: maybe(whole), missing: object(CONDITIONS) })),
  keeps: maybe(named('TierKeeps', { by: instant, anyOf: maybe(whole), ...CONDITIONS })),
  earnMultiplier: price,
  funder: shape.oneOf(['seller', 'operator']),
  ladderVersion: whole,
});

export const TIER_HISTORY = named('TierHistory', {
  memberRef: text,
  data: list(
    named('TierDecision', {
      version: whole,
      from: whole,
      to: whole,
      source: SOURCE,
      effectiveAt: maybe(instant),
      ladderVersion: whole,
      inputs: object({
        earnedRank: whole,
        cause: maybe(text),
        causedAt: maybe(instant),
        measure: object({ credits: text, visits: text, brands: text }),
        grants: texts,
      }),
      decidedAt: instant,
    }),
  ),
});
