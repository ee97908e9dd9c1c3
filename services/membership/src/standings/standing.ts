import { timeline } from '../credits/credits.js';
import type { OrderFact, ReturnFact } from '../credits/credits.js';
import { ladderAt } from '../ladders/ladder.js';
import type { Ladder } from '../ladders/ladder.js';
import { conditionsOf } from './days.js';
import type { ConditionState, Measure } from './days.js';
import { advance, unearned } from './earned.js';
import type { Earned } from './earned.js';
import { heldSince, isLive, rankAt, stepsUntil, termsAt } from './ranks.js';
import type { Grant, RankTerms } from './ranks.js';
import { dayOf, nextReview, windowEnding, windowOf } from './window.js';

export interface History {
  readonly orders: readonly OrderFact[];
  readonly returns: readonly ReturnFact[];
}

/** All information on a member's rank. */
export interface Standing extends RankTerms {
  readonly since: number | null;
  readonly earnedRank: number;
  /** The first instant at which the rank could drop; null if it cannot. */
  readonly until: number | null;
  /** The time of the drop if there are no further purchases; null: never. */
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
/** Judgements to look ahead: enough for the longest rolling window and every rank below. */
const HORIZON = 80;

/** The standing computed from the facts alone, independent of their order of arrival. */
export function standingAt(
  history: History,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
  zone: string,
): Standing {
  const items = timeline(history.orders, history.returns, ladders, zone);
  return explained(advance(unearned(), items, ladders, t, zone), ladders, grants, t, zone);
}

/** Content of the current window of the ladder in force. */
export function measureAt(earned: Earned, ladders: readonly Ladder[], t: number, zone: string): Measure {
  const ladder = ladderAt(ladders, t);
  return ladder === null ? NOTHING : earned.days.measure(ladder, windowOf(ladder.window, dayOf(t, zone)));
}

/** The next instant after `t` at which the rank may change through time alone; Infinity: never. */
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

/** The rank with all of its explanation. `earned` must have been advanced to `t`. */
export function explained(
  earned: Earned,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
  zone: string,
): Standing {
  const ladder = ladderAt(ladders, t);
  const terms = termsAt(earned, ladders, grants, t);
  const effective = { ...terms, since: heldSince(stepsUntil(earned, ladders, grants, t)) };
  const ends = endsOf(earned, ladders, grants, t, zone, terms.rank);
  const measure = measureAt(earned, ladders, t, zone);
  if (ladder === null) return { ...effective, earnedRank: 0, ...ends, measure, next: null, keeps: null };
  const above = ladder.ranks[terms.rank + 1];
  return {
    ...effective,
    earnedRank: earned.rank,
    ...ends,
    measure,
    next:
      above === undefined
        ? null
        : {
            rank: terms.rank + 1,
            tier: above.code,
            conditions: conditionsOf(ladder, terms.rank + 1, measure),
            anyOf: above.conditions.anyOf,
          },
    keeps: keepsOf(earned, ladders, t, zone, terms.rank),
  };
}

/** Requirements of the next judgement, compared with the current content of its window. */
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

/** Looks ahead, assuming no further purchases. */
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
    // changed rules and grants lower nothing; only a judgement without an equal or higher grant can
    const judged = nextReview(ladders, next - 1, zone)?.at === next;
    if (judged && !grants.some((grant) => grant.rank >= rank && isLive(grant, next))) until ??= next;
    state = advance(state, [], ladders, next, zone);
    if (rankAt(state, ladders, grants, next) < rank) return { until: until ?? next, dropsAt: next };
    x = next;
  }
  return { until, dropsAt: null };
}
