import { formatInstant, monthKey, pointsToJson } from '#libs/kernel';
import type { ConditionState } from './days.js';
import type { Standing } from './standing.js';
import type {
  TierConditionView,
  TierConditionsView,
  TierInFullConditions,
  TierInFullView,
  TierView,
} from './tiers.answers.js';

export function instantText(at: number | null): string | null {
  return at === null ? null : formatInstant(new Date(at));
}

/** Requirements of the rules, by kind. */
function conditions(states: readonly ConditionState[]): TierInFullConditions {
  return Object.fromEntries(states.map((state) => [state.kind, inFull(state)]));
}

function inFull({ needed, have, missing }: ConditionState): TierConditionView {
  return { needed: pointsToJson(needed), have: pointsToJson(have), missing: pointsToJson(missing) };
}

/** Conditions as brands see them: only whether visits and brands are enough, never their numbers. */
function forBrands(states: readonly ConditionState[]): TierConditionsView {
  return Object.fromEntries(
    states.map((state) => [
      state.kind,
      state.kind === 'credits' ? inFull(state) : { needed: pointsToJson(state.needed), met: state.missing === 0n },
    ]),
  );
}

function monthUntil(at: number, zone: string): string {
  return monthKey(new Date(at - 1), zone);
}

/**
 * The tier as a brand reads it: the rank and its terms at the till. Times are months, because the instant of a rise is that of an
 * order at some brand. The source of the rank, visits and the number of brands are left out.
 */
export function brandTier(memberRef: string, standing: Standing, zone: string): TierView {
  const { tier, rank, since, until, measure, next, earnMultiplier } = standing;
  return {
    memberRef,
    tier,
    rank,
    since: since === null ? null : monthKey(new Date(since), zone),
    until: until === null ? null : monthUntil(until, zone),
    credits: pointsToJson(measure.credits),
    next:
      next === null
        ? null
        : { tier: next.tier, rank: next.rank, anyOf: next.anyOf, missing: forBrands(next.conditions) },
    earnMultiplier,
  };
}

/** The full tier, for the operator. */
export function tierInFull(memberRef: string, standing: Standing): TierInFullView {
  const { next, keeps, measure } = standing;
  return {
    memberRef,
    tier: standing.tier,
    rank: standing.rank,
    source: standing.source,
    earnedRank: standing.earnedRank,
    since: instantText(standing.since),
    until: instantText(standing.until),
    dropsAt: instantText(standing.dropsAt),
    credits: pointsToJson(measure.credits),
    visits: pointsToJson(measure.visits),
    brands: pointsToJson(measure.brands),
    next:
      next === null
        ? null
        : { tier: next.tier, rank: next.rank, anyOf: next.anyOf, missing: conditions(next.conditions) },
    keeps:
      keeps === null
        ? null
        : { by: formatInstant(new Date(keeps.by)), anyOf: keeps.anyOf, ...conditions(keeps.conditions) },
    earnMultiplier: standing.earnMultiplier,
    funder: standing.funder,
    ladderVersion: standing.ladderVersion,
  };
}
