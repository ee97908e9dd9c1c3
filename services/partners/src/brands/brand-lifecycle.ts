import { fail } from '#libs/kernel';

export const BRAND_STATUSES = ['applied', 'reviewed', 'sandbox', 'live', 'suspended', 'exiting', 'closed'] as const;
export type BrandStatus = (typeof BRAND_STATUSES)[number];

/** Statuses of a new brand. A brand admitted by the operator itself starts in the sandbox. */
export const FIRST_STATUSES = ['applied', 'reviewed', 'sandbox'] as const;

/** Allowed changes of status. A brand that has traded leaves through `exiting`, so its members can still spend; `closed` is final. */
const TRANSITIONS: Readonly<Record<BrandStatus, readonly BrandStatus[]>> = {
  applied: ['reviewed', 'closed'],
  reviewed: ['sandbox', 'closed'],
  sandbox: ['live', 'suspended', 'closed'],
  live: ['suspended', 'exiting'],
  suspended: ['sandbox', 'live', 'exiting'],
  exiting: ['suspended', 'closed'],
  closed: [],
};

/** Checks a change of status. Returns false if the brand already has it. */
export function checkTransition(from: BrandStatus, to: BrandStatus): boolean {
  if (from === to) return false;
  if (TRANSITIONS[from].includes(to)) return true;
  const open = TRANSITIONS[from].join(', ');
  fail('status_transition_refused', {
    detail: `A brand that is ${from} cannot become ${to}${open === '' ? '.' : `; it may become ${open}.`}`,
  });
}
