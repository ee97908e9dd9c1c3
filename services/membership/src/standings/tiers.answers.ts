import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

const { object, named, text, whole, points, price, flag, list, maybe, optional, instant, texts } = shape;

const SOURCE = shape.oneOf(['earned', 'mapped', 'match', 'manual']);
const CONDITION = named('TierCondition', { needed: points, have: points, missing: points });
/** For visits and brands, a brand reads only whether they are enough. */
const MET = named('TierConditionMet', { needed: points, met: flag });
/** Contains only the kinds that the rules require. */
const CONDITIONS = { credits: optional(CONDITION), visits: optional(CONDITION), brands: optional(CONDITION) };
const IN_FULL = object(CONDITIONS);
const FOR_BRANDS = object({ credits: optional(CONDITION), visits: optional(MET), brands: optional(MET) });

/** Months, `2026-03`. */
export const TIER = named('Tier', {
  memberRef: text,
  tier: text,
  rank: whole,
  since: maybe(text),
  until: maybe(text),
  credits: points,
  next: maybe(
    named('NextTier', {
      tier: text,
      rank: whole,
      anyOf: maybe(whole),
      missing: FOR_BRANDS,
    }),
  ),
  earnMultiplier: price,
});

export const TIER_IN_FULL = named('TierInFull', {
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
  next: maybe(named('NextTierInFull', { tier: text, rank: whole, anyOf: maybe(whole), missing: IN_FULL })),
  keeps: maybe(named('TierKeeps', { by: instant, anyOf: maybe(whole), ...CONDITIONS })),
  earnMultiplier: price,
  funder: shape.oneOf(['seller', 'operator']),
  ladderVersion: whole,
});

const DECISION = named('TierDecision', {
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
});
export const TIER_HISTORY = named('TierHistory', { memberRef: text, data: list(DECISION) });

export type TierView = AnswerOf<typeof TIER>;
export type TierHistoryView = AnswerOf<typeof TIER_HISTORY>;
export type TierInFullView = AnswerOf<typeof TIER_IN_FULL>;
export type TierConditionView = AnswerOf<typeof CONDITION>;
export type TierConditionsView = AnswerOf<typeof FOR_BRANDS>;
export type TierInFullConditions = AnswerOf<typeof IN_FULL>;
export type TierDecisionView = AnswerOf<typeof DECISION>;
