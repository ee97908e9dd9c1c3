import { fail } from '#libs/kernel';

export const BRAND_STATUSES = ['applied', 'reviewed', 'sandbox', 'live', 'suspended', 'exiting', 'closed'] as const;
export type BrandStatus = (typeof BRAND_STATUSES)[number];

/** Statuses in which a brand may enter the books. The operator's own admission starts in the sandbox. */
export const FIRST_STATUSES = ['applied', 'reviewed', 'sandbox'] as const;

/**
 * Where a brand may go from where it is. A brand that traded leaves through `exiting`, so that its members can still spend;
 * `closed` is the end.
 */
const TRANSITIONS: Readonly<Record<BrandStatus, readonly BrandStatus[]>> = {
  applied: ['reviewed', 'closed'],
  reviewed: ['sandbox', 'closed'],
  sandbox: ['live', 'suspended', 'closed'],
  live: ['suspended', 'exiting'],
  suspended: ['sandbox', 'live', 'exiting'],
  exiting: ['suspended', 'closed'],
  closed: [],
};

/** The statuses a brand may go to next. */
export function nextStatuses(from: BrandStatus): readonly BrandStatus[] {
  return TRANSITIONS[from];
}

/** Checks a change of status; true when there is something to change, false when the brand is there already. */
export function checkTransition(from: BrandStatus, to: BrandStatus): boolean {
  if (from === to) return false;
  if (TRANSITIONS[from].includes(to)) return true;
  const open = TRANSITIONS[from].join(', ');
  fail('status_transition_refused', {
    detail: `A brand that is ${from} cannot become ${to}${open === '' ? '.' : `; it may become ${open}.`}`,
  });
}
