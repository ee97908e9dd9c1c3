import { isDomainError } from '#libs/kernel';
import { CYCLE_STATUSES, cycleId, monthAfter, nextStatus, takes, targetMonth } from './cycle.js';
import type { Cycle, CycleMove, CycleStatus } from './cycle.js';

const ZONE = 'Asia/Shanghai';
const at = (text: string): Date => new Date(text);
const cycle = (status: CycleStatus, cutOffAt: string | null = null): Pick<Cycle, 'status' | 'cutOffAt'> => ({
  status,
  cutOffAt: cutOffAt === null ? null : at(cutOffAt),
});

describe('states of a cycle', () => {
  it('follow each other in one order only', () => {
    const order: CycleMove[] = ['cut-off', 'freeze', 'seal', 'confirm', 'close'];
    for (const status of CYCLE_STATUSES) {
      order.forEach((step, i) => {
        const attempt = (): CycleStatus => nextStatus({ id: '2026-03', status }, step);
        if (CYCLE_STATUSES[i] === status) expect(attempt()).toBe(CYCLE_STATUSES[i + 1]);
        else {
          let thrown: unknown;
          try {
            attempt();
          } catch (error) {
            thrown = error;
          }
          expect(isDomainError(thrown, 'cycle_state')).toBe(true);
        }
      });
    }
  });
});

describe('the cycle of a posting', () => {
  it('is the month of the alliance’s zone', () => {
    expect(targetMonth(at('2026-03-31T15:59:59.999Z'), ZONE, () => undefined)).toBe('2026-03');
    expect(targetMonth(at('2026-03-31T16:00:00Z'), ZONE, () => undefined)).toBe('2026-04');
    expect(monthAfter('2026-12', ZONE)).toBe('2027-01');
  });

  it('still takes between cut-off and freeze what was posted up to the cut-off', () => {
    const cut = cycle('cut_off', '2026-03-31T10:00:00Z');
    expect(takes(cut, at('2026-03-31T10:00:00Z'))).toBe(true);
    expect(takes(cut, at('2026-03-31T10:00:00.001Z'))).toBe(false);
  });

  it('is the next that takes it when its own is past', () => {
    const posted = at('2026-03-31T10:00:01Z');
    const march = { '2026-03': cycle('frozen', '2026-03-31T10:00:00Z') };
    const of = (cycles: Record<string, Pick<Cycle, 'status' | 'cutOffAt'>>): string =>
      targetMonth(posted, ZONE, (month) => cycles[month]);
    expect(of(march)).toBe('2026-04');
    expect(of({ ...march, '2026-04': cycle('closed') })).toBe('2026-05');
    expect(of({ ...march, '2026-04': cycle('open') })).toBe('2026-04');
  });

  it('is named by the month, and by the currency where that is not the alliance’s', () => {
    expect(cycleId('2026-03', 'CNY', 'CNY')).toBe('2026-03');
    expect(cycleId('2026-03', 'USD', 'CNY')).toBe('2026-03-USD');
  });
});
