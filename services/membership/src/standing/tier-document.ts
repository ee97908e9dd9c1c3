import { formatInstant, monthKey, pointsToJson } from '#libs/kernel';
import type { ConditionState } from './days.js';
import type { Standing } from './standing.js';

/** An instant on the wire. */
export function instantText(at: number | null): string | null {
  return at === null ? null : formatInstant(new Date(at));
}

function conditions<T>(states: readonly ConditionState[], shown: (state: ConditionState) => T): Record<string, T> {
  return Object.fromEntries(states.map((state) => [state.kind, shown(state)]));
}

function inFull({ needed, have, missing }: ConditionState): object {
  return { needed: pointsToJson(needed), have: pointsToJson(have), missing: pointsToJson(missing) };
}

/** How often and at how many brands a member buys is no brand's business, only whether it is enough. */
function forBrands(state: ConditionState): object {
  if (state.kind === 'credits') return inFull(state);
  return { needed: pointsToJson(state.needed), met: state.missing === 0n };
}

/** The last month of which an instant ends at least a part. */
function monthUntil(at: number, zone: string): string {
  return monthKey(new Date(at - 1), zone);
}

/**
 * What a brand reads: the rank and what it means at its till, in months, as the instant at which a member rose is that of an order at some
 * brand. Neither where the rank comes from, nor visits, nor the number of brands.
 */
export function brandTier(memberRef: string, standing: Standing, zone: string): object {
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
        : { tier: next.tier, rank: next.rank, anyOf: next.anyOf, missing: conditions(next.conditions, forBrands) },
    earnMultiplier,
  };
}

/** All that there is to say, for the operator. */
export function tierInFull(memberRef: string, standing: Standing): object {
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
        : { tier: next.tier, rank: next.rank, anyOf: next.anyOf, missing: conditions(next.conditions, inFull) },
    keeps:
      keeps === null
        ? null
        : { by: instantText(keeps.by), anyOf: keeps.anyOf, ...conditions(keeps.conditions, inFull) },
    earnMultiplier: standing.earnMultiplier,
    funder: standing.funder,
    ladderVersion: standing.ladderVersion,
  };
}
