import { addMonths, fail, monthBounds, monthKey } from '#libs/kernel';

/** States of a clearing cycle, in the only order in which they follow each other. */
export const CYCLE_STATUSES = ['open', 'cut_off', 'freezing', 'frozen', 'confirmed', 'closed'] as const;
export type CycleStatus = (typeof CYCLE_STATUSES)[number];

/** What the operator does to a cycle, as named in the path. */
export type CycleStep = 'cut-off' | 'freeze' | 'confirm' | 'close';

/** What moves a cycle on: the operator's steps, and the end of a freeze. */
export type CycleMove = CycleStep | 'seal';

const STEPS: Record<CycleMove, { from: CycleStatus; to: CycleStatus }> = {
  'cut-off': { from: 'open', to: 'cut_off' },
  freeze: { from: 'cut_off', to: 'freezing' },
  seal: { from: 'freezing', to: 'frozen' },
  confirm: { from: 'frozen', to: 'confirmed' },
  close: { from: 'confirmed', to: 'closed' },
};

export interface Cycle {
  /** `2026-03`; with `-USD` behind it for a currency that is not the alliance's own. */
  readonly id: string;
  readonly month: string;
  readonly currency: string;
  readonly status: CycleStatus;
  readonly from: Date;
  /** First instant that no longer belongs to it. */
  readonly to: Date;
  readonly cutOffAt: Date | null;
  /** The newest day that takes no more lines; null: none is closed. */
  readonly closedThrough: string | null;
}

/** Digests of what a cycle was frozen with: its lines, and what was made of them. */
export interface CycleSeal {
  readonly lineCount: bigint;
  readonly linesRoot: string;
  readonly resultsRoot: string;
}

/** The id of a month's cycle in a currency. */
export function cycleId(month: string, currency: string, allianceCurrency: string): string {
  return currency === allianceCurrency ? month : `${month}-${currency}`;
}

/**
 * The status a step leads to.
 * @throws DomainError `cycle_state` when the cycle is not in the state before it
 */
export function nextStatus(cycle: Pick<Cycle, 'id' | 'status'>, step: CycleMove): CycleStatus {
  const { from, to } = STEPS[step];
  if (cycle.status !== from) {
    fail('cycle_state', { detail: `Cycle ${cycle.id} is ${cycle.status}; ${step} needs ${from}.` });
  }
  return to;
}

/** The calendar month after `2026-03`. */
export function monthAfter(month: string, zone: string): string {
  return monthKey(addMonths(monthBounds(month, zone).from, 1, zone), zone);
}

/** The calendar day after `2026-03-31`. */
export function dayAfter(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}

/** Whether statements went out. */
export function isSealed(status: CycleStatus): boolean {
  return status !== 'open' && status !== 'cut_off' && status !== 'freezing';
}

/** Whether net positions are binding. */
export function isConfirmed(status: CycleStatus): boolean {
  return status === 'confirmed' || status === 'closed';
}

/**
 * Whether a cycle takes a posting. Between cut-off and freeze it still takes what was posted before the cut-off and only
 * arrives late; from the freeze on it takes nothing.
 */
export function takes(cycle: Pick<Cycle, 'status' | 'cutOffAt'>, postedAt: Date): boolean {
  if (cycle.status === 'open') return true;
  return cycle.status === 'cut_off' && cycle.cutOffAt !== null && postedAt.getTime() <= cycle.cutOffAt.getTime();
}

/**
 * The month whose cycle a posting belongs to: its own, or the next one that still takes it, there as an adjustment of a
 * prior period at the original price. The month found may have no cycle yet.
 */
export function targetMonth(
  postedAt: Date,
  zone: string,
  cycleOf: (month: string) => Pick<Cycle, 'status' | 'cutOffAt'> | undefined,
): string {
  let month = monthKey(postedAt, zone);
  for (;;) {
    const cycle = cycleOf(month);
    if (cycle === undefined || takes(cycle, postedAt)) return month;
    month = monthAfter(month, zone);
  }
}
