import { addMonths, fail, monthBounds, monthKey } from '#libs/kernel';

/** States of a clearing cycle, in their only order. */
export const CYCLE_STATUSES = ['open', 'cut_off', 'freezing', 'frozen', 'confirmed', 'closed'] as const;
export type CycleStatus = (typeof CYCLE_STATUSES)[number];

/** The operator's steps, as named in the path. */
export type CycleStep = 'cut-off' | 'freeze' | 'confirm' | 'close';

/** Moves of a cycle: the operator's steps, and the end of a freeze. */
export type CycleMove = CycleStep | 'seal';

const STEPS: Record<CycleMove, { from: CycleStatus; to: CycleStatus }> = {
  'cut-off': { from: 'open', to: 'cut_off' },
  freeze: { from: 'cut_off', to: 'freezing' },
  seal: { from: 'freezing', to: 'frozen' },
  confirm: { from: 'frozen', to: 'confirmed' },
  close: { from: 'confirmed', to: 'closed' },
};

export interface Cycle {
  /** `2026-03`; with a suffix such as `-USD` for a currency other than the alliance's own. */
  readonly id: string;
  readonly month: string;
  readonly currency: string;
  readonly status: CycleStatus;
  readonly from: Date;
  /** End of the cycle, exclusive. */
  readonly to: Date;
  readonly cutOffAt: Date | null;
  /** The newest closed day, which takes no more lines; null if none is closed. */
  readonly closedThrough: string | null;
}

/** Digests of a frozen cycle: its lines, and the results computed from them. */
export interface CycleSeal {
  readonly lineCount: bigint;
  readonly linesRoot: string;
  readonly resultsRoot: string;
}

/** Limit of the difference between two services' clocks, ms. */
export const SKEW_MS = 60_000;

export function cycleId(month: string, currency: string, allianceCurrency: string): string {
  return currency === allianceCurrency ? month : `${month}-${currency}`;
}

/**
 * The status after a step.
 * @throws DomainError `cycle_state` if the cycle is not in the state before it
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

/** Whether statements have been issued. */
export function isSealed(status: CycleStatus): boolean {
  return status !== 'open' && status !== 'cut_off' && status !== 'freezing';
}

/** Whether net positions are binding. */
export function isConfirmed(status: CycleStatus): boolean {
  return status === 'confirmed' || status === 'closed';
}

/**
 * Whether a cycle takes a posting. Between cut-off and freeze it still takes late arrivals posted before the cut-off; from the
 * freeze on it takes nothing.
 */
export function takes(cycle: Pick<Cycle, 'status' | 'cutOffAt'>, postedAt: Date): boolean {
  if (cycle.status === 'open') return true;
  return cycle.status === 'cut_off' && cycle.cutOffAt !== null && postedAt.getTime() <= cycle.cutOffAt.getTime();
}

/**
 * The month whose cycle takes a posting: its own month, or the next one that still takes it, as a prior-period adjustment at the
 * original price. The month may have no cycle yet.
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

/** The end of a cycle, exclusive, by its month and its cut-off. */
export function endOf({ month, cutOffAt }: Pick<Cycle, 'month' | 'cutOffAt'>, zone: string): Date {
  const { to } = monthBounds(month, zone);
  return cutOffAt !== null && cutOffAt < to ? cutOffAt : to;
}

/**
 * Whether a cycle holds lines that it could not have taken. They were posted in this month, outside of the cycle's time, the first at
 * `firstPostedAt`.
 * @param all the cycles of the currency
 */
export function misfiled(
  cycle: Pick<Cycle, 'month' | 'currency'>,
  { month, currency, firstPostedAt }: { month: string; currency: string; firstPostedAt: Date },
  all: readonly Cycle[],
  zone: string,
): boolean {
  if (currency !== cycle.currency || month >= cycle.month) return true;
  // cycles only close: what takes a line now would have taken it then
  return targetMonth(firstPostedAt, zone, (m) => all.find((one) => one.month === m)) < cycle.month;
}

export interface RecordedStep {
  readonly step: CycleStep;
  readonly at: Date;
  readonly caller: string;
}

const STEPS_UP_TO: Readonly<Record<CycleStatus, readonly CycleStep[]>> = {
  open: [],
  cut_off: ['cut-off'],
  freezing: ['cut-off', 'freeze'],
  frozen: ['cut-off', 'freeze'],
  confirmed: ['cut-off', 'freeze', 'confirm'],
  closed: ['cut-off', 'freeze', 'confirm', 'close'],
};

export interface CycleFault {
  readonly kind: 'cycle';
  readonly id: string;
  readonly detail: string;
}

/**
 * What a cycle says of itself that does not follow from its month, the steps on record, and the cycle before.
 * @param all the cycles of the currency
 */
export function cycleFaults(
  cycle: Cycle,
  all: readonly Cycle[],
  zone: string,
  steps: readonly RecordedStep[],
): CycleFault[] {
  const { from } = monthBounds(cycle.month, zone);
  const before = all.find(({ month }) => monthAfter(month, zone) === cycle.month);
  const endBefore = before === undefined ? from : endOf(before, zone);
  const cutOffAt = steps.find(({ step }) => step === 'cut-off')?.at ?? null;
  const text = (at: Date | null): string => (at === null ? 'none' : at.toISOString());
  const facts: [name: string, is: string, should: string][] = [
    ['from', text(cycle.from), text(endBefore < from ? endBefore : from)],
    ['to', text(cycle.to), text(endOf({ ...cycle, cutOffAt }, zone))],
    ['cutOffAt', text(cycle.cutOffAt), text(cutOffAt)],
    ['steps', steps.map(({ step }) => step).join(', '), STEPS_UP_TO[cycle.status].join(', ')],
  ];
  return facts
    .filter(([, is, should]) => is !== should)
    .map(([name, is, should]) => ({ kind: 'cycle', id: cycle.id, detail: `${name} is ${is}, should be ${should}` }));
}
