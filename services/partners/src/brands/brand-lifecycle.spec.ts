import { BRAND_STATUSES, checkTransition } from './brand-lifecycle.js';

describe('life cycle of a brand', () => {
  it('goes from application to the end', () => {
    const path = ['applied', 'reviewed', 'sandbox', 'live', 'suspended', 'live', 'exiting', 'closed'] as const;
    path.slice(1).forEach((to, i) => expect(checkTransition(path[i] ?? 'closed', to)).toBe(true));
  });

  it('ignores a change to the status that the brand already has', () => {
    for (const status of BRAND_STATUSES) expect(checkTransition(status, status)).toBe(false);
  });

  const allowed: Readonly<Record<string, readonly string[]>> = {
    applied: ['reviewed', 'closed'],
    reviewed: ['sandbox', 'closed'],
    sandbox: ['live', 'suspended', 'closed'],
    live: ['suspended', 'exiting'],
    suspended: ['sandbox', 'live', 'exiting'],
    exiting: ['suspended', 'closed'],
    closed: [],
  };
  it.each(BRAND_STATUSES)('allows the listed steps from %s, and refuses others with a code that names them', (from) => {
    for (const to of BRAND_STATUSES.filter((status) => status !== from)) {
      if (allowed[from]?.includes(to)) expect(checkTransition(from, to)).toBe(true);
      else
        expect(() => checkTransition(from, to)).toThrow(
          expect.objectContaining({
            code: 'status_transition_refused',
            details: expect.objectContaining({ detail: expect.stringContaining(allowed[from]?.join(', ') ?? '') }),
          }),
        );
    }
  });
});
