import { ladderAt, NO_LADDER } from '../ladders/ladder.js';
import type { Funder, Ladder } from '../ladders/ladder.js';
import type { Earned } from './earned.js';

/** A rank given for other reasons than purchases, valid in `[from, to)`. It never overwrites the earned rank. */
export interface Grant {
  readonly id: string;
  readonly source: 'mapped' | 'match' | 'manual';
  readonly rank: number;
  readonly from: number;
  readonly to: number | null;
}

export interface RankTerms {
  readonly rank: number;
  readonly tier: string;
  readonly source: 'earned' | Grant['source'];
  readonly ladderVersion: number;
  readonly earnMultiplier: string;
  readonly funder: Funder;
}

/** The effective rank from an instant (milliseconds) until the next step. */
export interface RankStep extends RankTerms {
  readonly since: number;
}

export function earnedAt(earned: Earned, t: number): number {
  let rank = 0;
  for (const step of earned.steps) {
    if (step.at > t) break;
    rank = step.rank;
  }
  return rank;
}

export function isLive(grant: Grant, t: number): boolean {
  return grant.from <= t && (grant.to === null || grant.to > t);
}

/** The effective rank: the highest of the earned rank and the live grants. */
export function rankAt(earned: Earned, ladders: readonly Ladder[], grants: readonly Grant[], t: number): number {
  if (ladderAt(ladders, t) === null) return 0;
  let rank = earnedAt(earned, t);
  for (const grant of grants) if (grant.rank > rank && isLive(grant, t)) rank = grant.rank;
  return rank;
}

/** The rank at an instant with the terms of the ladder in force. `earned` must have been advanced to `t`. */
export function termsAt(earned: Earned, ladders: readonly Ladder[], grants: readonly Grant[], t: number): RankTerms {
  const ladder = ladderAt(ladders, t);
  if (ladder === null) {
    const { code: tier, earnMultiplier, funder } = NO_LADDER;
    return { rank: 0, tier, source: 'earned', ladderVersion: 0, earnMultiplier, funder };
  }
  const rank = rankAt(earned, ladders, grants, t);
  const terms = ladder.ranks[rank];
  if (terms === undefined) throw new Error(`ladder ${ladder.version} has no rank ${rank}`);
  const given = grants.find((grant) => grant.rank === rank && isLive(grant, t));
  return {
    rank,
    tier: terms.code,
    source: earnedAt(earned, t) >= rank ? 'earned' : (given?.source ?? 'earned'),
    ladderVersion: ladder.version,
    earnMultiplier: terms.earnMultiplier,
    funder: terms.funder,
  };
}

/** Instants up to `t` at which the rank or its terms may have changed, in order. */
function edgesUntil(earned: Earned, ladders: readonly Ladder[], grants: readonly Grant[], t: number): number[] {
  const edges = new Set<number>();
  for (const { at } of earned.steps) edges.add(at);
  for (const { from, to } of grants) edges.add(from).add(to ?? Infinity);
  for (const { validFrom, validTo } of ladders) edges.add(validFrom.getTime()).add(validTo?.getTime() ?? Infinity);
  return [...edges].filter((at) => at <= t).sort((a, b) => a - b);
}

/** Every rank up to `t`, oldest first. Before the first step, or without steps, it is the lowest rank, which everyone has. */
export function stepsUntil(
  earned: Earned,
  ladders: readonly Ladder[],
  grants: readonly Grant[],
  t: number,
): RankStep[] {
  const steps: RankStep[] = [];
  // most members never had a rank nor a grant
  if (earned.steps.length === 0 && grants.length === 0) return steps;
  for (const since of edgesUntil(earned, ladders, grants, t)) {
    const terms = termsAt(earned, ladders, grants, since);
    const last = steps.at(-1);
    if (last === undefined ? terms.rank > 0 : differs(last, terms)) steps.push({ since, ...terms });
  }
  return steps;
}

/** Whether an order would be treated differently. The lowest rank is the same under every ladder. */
function differs(a: RankTerms, b: RankTerms): boolean {
  if (a.rank !== b.rank) return true;
  if (a.rank === 0) return false;
  return (
    a.tier !== b.tier ||
    a.earnMultiplier !== b.earnMultiplier ||
    a.funder !== b.funder ||
    a.ladderVersion !== b.ladderVersion
  );
}

/** The start of the last step's rank, under any terms; null without steps. */
export function heldSince(steps: readonly RankStep[]): number | null {
  let since: number | null = null;
  for (const step of [...steps].reverse()) {
    if (step.rank !== steps.at(-1)?.rank) break;
    since = step.since;
  }
  return since;
}

/** Number of equal steps at the start of both. */
export function agreement(a: readonly RankStep[], b: readonly RankStep[]): number {
  const first = a.findIndex((step, i) => {
    const other = b[i];
    return other === undefined || other.since !== step.since || differs(step, other);
  });
  return first === -1 ? a.length : first;
}
