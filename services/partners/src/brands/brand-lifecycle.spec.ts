import { isDomainError } from '#libs/kernel';
import { BRAND_STATUSES, checkTransition, nextStatuses } from './brand-lifecycle.js';

describe('life cycle of a brand', () => {
  it('goes from application to the end', () => {
    const path = ['applied', 'reviewed', 'sandbox', 'live', 'suspended', 'live', 'exiting', 'closed'] as const;
    path.slice(1).forEach((to, i) => expect(checkTransition(path[i] ?? 'closed', to)).toBe(true));
  });

  it('ignores a change to the status that the brand already has', () => {
    for (const status of BRAND_STATUSES) expect(checkTransition(status, status)).toBe(false);
  });

  it('refuses every other step with a code that names what is possible', () => {
    let refused = 0;
    for (const from of BRAND_STATUSES) {
      for (const to of BRAND_STATUSES) {
        if (from === to || nextStatuses(from).includes(to)) continue;
        refused += 1;
        try {
          checkTransition(from, to);
          throw new Error(`${from} -> ${to} was let through`);
        } catch (error) {
          expect(isDomainError(error, 'status_transition_refused')).toBe(true);
        }
      }
    }
    expect(refused).toBe(7 * 6 - 14);
  });

  it('lets no brand leave closed, and no trading brand close without its run-off', () => {
    expect(nextStatuses('closed')).toEqual([]);
    expect(nextStatuses('live')).not.toContain('closed');
  });
});
