import { timeline } from '../credits/credits.js';
import type { OrderFact, ReturnFact } from '../credits/credits.js';
import { ladderAt, NO_LADDER } from '../ladders/ladder.js';
import type { Funder, Ladder } from '../ladders/ladder.js';
import { conditionsOf } from './days.js';
import type { ConditionState, Measure } from './days.js';
import { advance, unearned } from './earned.js';
import type { Earned } from './earned.js';
import { dayOf, nextReview, windowEnding, windowOf } from './window.js';

/** A rank given for other reasons than purchases, live in `[from, to)`. It never overwrites what was earned. */
export interface Grant {
  readonly id: string;
  readonly source: 'mapped' | 'match' | 'manual';
  readonly rank: number;
  readonly from: number;
  readonly to: number | null;
}

export interface History {
  readonly orders: readonly OrderFact[];
  readonly returns: readonly ReturnFact[];
}

/** The rank that counts: the higher of the earned one and the live grants. */
export interface Effective {
  readonly rank: number;
  readonly tier: string;
  readonly since: number | null;
  readonly source: 'earned' | Grant['source'];
  readonly ladderVersion: number;
  readonly earnMultiplier: string;
  readonly funder: Funder;
}

/** Everything a member may know about the rank. */
export interface Standing extends Effective {
  readonly earnedRank: number;
  /** The first instant at which the rank could be lowered; null where nothing can. */
  readonly until: number | null;
  /** When it will drop if nothing more is bought; null for never. */
  readonly dropsAt: number | null;
  readonly measure: Measure;
  readonly next: {
    readonly rank: number;
    readonly tier: string;
    readonly conditions: readonly ConditionState[];
    readonly anyOf: number | null;
  } | null;
  readonly keeps: {
    readonly by: number;
    readonly conditions: readonly ConditionState[];
    readonly anyOf: number | null;
  } | null;
}

const NOTHING: Measure = { credits: 0n, visits: 0n, brands: 0n };
/** Judgements looked ahead: enough for the longest rolling window and every rank below. */
const HORIZON = 80;

/** The whole truth from the facts alone. Whatever the order in which they were told, the answer is the same. */
export function standingAt(
  history: History,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
  zone: string,
): Standing {
  const items = timeline(history.orders, history.returns, ladders, zone);
  return describe(advance(unearned(), items, ladders, t, zone), ladders, grants, t, zone);
}

function earnedAt(earned: Earned, t: number): number {
  let rank = 0;
  for (const step of earned.steps) {
    if (step.at > t) break;
    rank = step.rank;
  }
  return rank;
}

function isLive(grant: Grant, t: number): boolean {
  return grant.from <= t && (grant.to === null || grant.to > t);
}

function rankAt(earned: Earned, ladders: readonly Ladder[], grants: readonly Grant[], t: number): number {
  if (ladderAt(ladders, t) === null) return 0;
  let rank = earnedAt(earned, t);
  for (const grant of grants) if (grant.rank > rank && isLive(grant, t)) rank = grant.rank;
  return rank;
}

/** The effective rank at an instant up to which `earned` has been carried. */
export function effectiveAt(
  earned: Earned,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
): Effective {
  const ladder = ladderAt(ladders, t);
  if (ladder === null)
    return {
      rank: 0,
      tier: NO_LADDER.code,
      since: null,
      source: 'earned',
      ladderVersion: 0,
      earnMultiplier: NO_LADDER.earnMultiplier,
      funder: NO_LADDER.funder,
    };
  const rank = rankAt(earned, ladders, grants, t);
  const terms = ladder.ranks[rank];
  if (terms === undefined) throw new Error(`ladder ${ladder.version} has no rank ${rank}`);
  const source =
    earnedAt(earned, t) >= rank ? 'earned' : grants.find((grant) => grant.rank === rank && isLive(grant, t))?.source;
  return {
    rank,
    tier: terms.code,
    since: sinceOf(earned, ladders, grants, t, rank),
    source: source ?? 'earned',
    ladderVersion: ladder.version,
    earnMultiplier: terms.earnMultiplier,
    funder: terms.funder,
  };
}

function sinceOf(
  earned: Earned,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
  rank: number,
): number | null {
  const edges = new Set<number>();
  for (const { at } of earned.steps) edges.add(at);
  for (const { from, to } of grants) edges.add(from).add(to ?? Infinity);
  for (const { validFrom, validTo } of ladders) edges.add(validFrom.getTime()).add(validTo?.getTime() ?? Infinity);
  let since: number | null = null;
  for (const edge of [...edges].filter((at) => at <= t).sort((a, b) => b - a)) {
    if (rankAt(earned, ladders, grants, edge) !== rank) break;
    since = edge;
  }
  // the lowest rank is everybody's from the beginning
  return rank === 0 && earned.steps.length === 0 ? null : since;
}

/** The next instant after `t` at which the rank may change by time alone; Infinity for never. */
export function nextDue(
  earned: Earned,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
  zone: string,
): number {
  const edges = [
    ...grants.flatMap(({ from, to }) => [from, to ?? Infinity]),
    ...ladders.flatMap(({ validFrom, validTo }) => [validFrom.getTime(), validTo?.getTime() ?? Infinity]),
    earned.rank === 0 ? Infinity : (nextReview(ladders, t, zone)?.at ?? Infinity),
  ];
  return Math.min(...edges.filter((at) => at > t), Infinity);
}

/** The rank with all that explains it. `earned` must have been carried to `t`. */
export function describe(
  earned: Earned,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
  zone: string,
): Standing {
  const effective = effectiveAt(earned, ladders, grants, t);
  const ladder = ladderAt(ladders, t);
  const ends = endsOf(earned, ladders, grants, t, zone, effective.rank);
  const earnedRank = ladder === null ? 0 : earned.rank;
  if (ladder === null) return { ...effective, earnedRank, ...ends, measure: NOTHING, next: null, keeps: null };
  const measure = earned.days.measure(ladder, windowOf(ladder.window, dayOf(t, zone)));
  const above = ladder.ranks[effective.rank + 1];
  return {
    ...effective,
    earnedRank,
    ...ends,
    measure,
    next:
      above === undefined
        ? null
        : {
            rank: effective.rank + 1,
            tier: above.code,
            conditions: conditionsOf(ladder, effective.rank + 1, measure),
            anyOf: above.conditions.anyOf,
          },
    keeps: keepsOf(earned, ladders, t, zone, effective.rank),
  };
}

/** What the next judgement will ask for, against what its window holds by now. */
function keepsOf(earned: Earned, ladders: readonly Ladder[], t: number, zone: string, rank: number): Standing['keeps'] {
  const review = rank === 0 ? null : nextReview(ladders, t, zone);
  if (review === null) return null;
  const measure = earned.days.measure(review.ladder, windowEnding(review.ladder.window, review.endDay));
  return {
    by: review.end,
    conditions: conditionsOf(review.ladder, rank, measure),
    anyOf: review.ladder.ranks[rank]?.conditions.anyOf ?? null,
  };
}

/** Looks ahead as if nothing more were bought. */
function endsOf(
  earned: Earned,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
  zone: string,
  rank: number,
): { until: number | null; dropsAt: number | null } {
  if (rank === 0) return { until: null, dropsAt: null };
  let until: number | null = null;
  let state = earned;
  for (let x = t, i = 0; i < HORIZON; i += 1) {
    const next = nextDue(state, ladders, grants, x, zone);
    if (next === Infinity) return { until, dropsAt: null };
    const supported = grants.some((grant) => grant.rank >= rank && isLive(grant, next));
    state = advance(state, [], ladders, next, zone);
    if (!supported) until ??= next;
    if (rankAt(state, ladders, grants, next) < rank) return { until, dropsAt: next };
    x = next;
  }
  return { until, dropsAt: null };
}
