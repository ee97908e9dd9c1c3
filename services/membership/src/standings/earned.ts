import type { Item } from '../credits/credits.js';
import { ladderAt } from '../ladders/ladder.js';
import type { Ladder } from '../ladders/ladder.js';
import { Days, qualifies } from './days.js';
import type { Measure } from './days.js';
import { dayOf, monthsBefore, nextReview, windowEnding, windowOf } from './window.js';

export type StepCause = 'purchase' | 'ladder' | 'review' | 'no_ladder';

/** One change of the earned rank, with the rules and figures behind it. */
export interface Step {
  readonly at: number;
  readonly rank: number;
  readonly cause: StepCause;
  readonly ladder: number | null;
  readonly measure: Measure | null;
}

export interface Earned {
  /** The time of the last fact or rule that was applied. */
  readonly asOf: number;
  readonly rank: number;
  readonly days: Days;
  readonly steps: readonly Step[];
}

export function unearned(): Earned {
  return { asOf: -Infinity, rank: 0, days: new Days(), steps: [] };
}

/**
 * Advances an earned rank in time. Items must be after `from.asOf` and sorted; items after `until` are ignored. The rank rises
 * immediately; it only drops when a period is judged, and then by one rank.
 */
export function advance(
  from: Earned,
  items: readonly Item[],
  ladders: readonly Ladder[],
  until: number,
  zone: string,
): Earned {
  const walk = new Walk(from, ladders, zone);
  let i = 0;
  for (;;) {
    const item = items[i];
    const next = item === undefined || item.at > until ? Infinity : item.at;
    walk.passTime(Math.min(next, until));
    if (next === Infinity) break;
    // at one instant purchases precede returns, in whatever order they arrive
    const first = i;
    while (items[i]?.at === next) i += 1;
    const same = items.slice(first, i);
    for (const up of same) if (up.orders > 0) walk.days.apply(up);
    walk.rise(next, 'purchase');
    for (const down of same) if (down.orders <= 0) walk.days.apply(down);
  }
  return walk.result();
}

class Walk {
  readonly days: Days;
  private rank: number;
  private readonly steps: Step[];
  private cursor: number;
  private readonly edges: number[];

  constructor(
    from: Earned,
    private readonly ladders: readonly Ladder[],
    private readonly zone: string,
  ) {
    this.days = from.days.copy();
    this.rank = from.rank;
    this.steps = [...from.steps];
    this.cursor = from.asOf;
    const edges = ladders.flatMap(({ validFrom, validTo }) => [validFrom.getTime(), validTo?.getTime() ?? Infinity]);
    this.edges = [...new Set(edges)].filter((edge) => edge !== Infinity).sort((a, b) => a - b);
  }

  /** Applies judgements first, then changes of the ladder, both up to and including `to`. */
  passTime(to: number): void {
    for (;;) {
      const edge = this.edges.find((at) => at > this.cursor && at <= to) ?? Infinity;
      // nobody falls below the lowest rank, and before the first ladder there is no period
      const review = this.rank === 0 ? null : nextReview(this.ladders, this.cursor, this.zone);
      const reviewAt = review === null || review.at > to ? Infinity : review.at;
      const at = Math.min(edge, reviewAt);
      if (at === Infinity) break;
      if (review !== null && reviewAt === at) this.judgeAll(at);
      if (edge === at) this.changeLadder(at);
      this.cursor = at;
    }
  }

  rise(at: number, cause: StepCause): void {
    this.cursor = Math.max(this.cursor, at);
    const ladder = ladderAt(this.ladders, at);
    if (ladder === null) return;
    const measure = this.days.measure(ladder, windowOf(ladder.window, dayOf(at, this.zone)));
    const rank = qualifies(ladder, measure);
    if (rank > this.rank) this.step({ at, rank, cause, ladder: ladder.version, measure });
  }

  result(): Earned {
    return { asOf: this.cursor, rank: this.rank, days: this.days, steps: this.steps };
  }

  /** Two ladders may have a judgement at the same instant; together they lower the rank by one at most. */
  private judgeAll(at: number): void {
    const review = nextReview(this.ladders, at - 1, this.zone);
    if (review === null || review.at !== at || this.rank === 0) return;
    const { ladder, endDay } = review;
    const ended = this.days.measure(ladder, windowEnding(ladder.window, endDay));
    if (qualifies(ladder, ended) >= this.rank) return;
    const current = ladderAt(this.ladders, at);
    // purchases in the grace days, and everything under new rules, count in the member's favour too
    if (current !== null) {
      const running = this.days.measure(current, windowOf(current.window, dayOf(at, this.zone)));
      if (qualifies(current, running) >= this.rank) return;
    }
    this.step({ at, rank: this.rank - 1, cause: 'review', ladder: ladder.version, measure: ended });
  }

  private changeLadder(at: number): void {
    if (ladderAt(this.ladders, at) !== null) this.rise(at, 'ladder');
    else if (this.rank > 0) this.step({ at, rank: 0, cause: 'no_ladder', ladder: null, measure: null });
  }

  private step(step: Step): void {
    this.rank = step.rank;
    this.steps.push(step);
  }
}

/** Removes data that no judgement under these ladders can need, to keep the state small. */
export function pruned(earned: Earned, ladders: readonly Ladder[], zone: string): Earned {
  if (earned.asOf === -Infinity) return earned;
  const longest = Math.max(12, ...ladders.map(({ window }) => (window.kind === 'rolling' ? window.months : 12)));
  const days = earned.days.copy();
  // the longest window, the period in its grace days, and a spare month
  days.forgetBefore(monthsBefore(dayOf(earned.asOf, zone), longest + 16));
  return { ...earned, days };
}

interface Stored {
  asOf: number | null;
  rank: number;
  days: (readonly [string, string, string, number])[];
  steps: {
    at: number;
    rank: number;
    cause: StepCause;
    ladder: number | null;
    measure: [string, string, string] | null;
  }[];
}

export function writeEarned(earned: Earned): string {
  const stored: Stored = {
    asOf: earned.asOf === -Infinity ? null : earned.asOf,
    rank: earned.rank,
    days: earned.days.toRows(),
    steps: earned.steps.map(({ measure, ...step }) => ({
      ...step,
      measure: measure === null ? null : [String(measure.credits), String(measure.visits), String(measure.brands)],
    })),
  };
  return JSON.stringify(stored);
}

/** The inverse of {@link writeEarned}. */
export function readEarned(text: string): Earned {
  const stored = JSON.parse(text) as Stored;
  return {
    asOf: stored.asOf ?? -Infinity,
    rank: stored.rank,
    days: Days.from(stored.days),
    steps: stored.steps.map(({ measure, ...step }) => ({
      ...step,
      measure:
        measure === null
          ? null
          : { credits: BigInt(measure[0]), visits: BigInt(measure[1]), brands: BigInt(measure[2]) },
    })),
  };
}
