import { checkHealth } from './health.js';
import type { HealthCheck } from './health.js';

const SOON = { needed: 20, told: 20 };
const check = (name: string, ready: HealthCheck['ready'], needed = true): HealthCheck => ({ name, needed, ready });
const there = (): Promise<boolean> => Promise.resolve(true);
const away = (): Promise<boolean> => Promise.resolve(false);

it('is ready when every part is', async () => {
  const report = await checkHealth([check('database', there)]);
  expect(report).toMatchObject({ ready: true, checks: [{ name: 'database', ready: true }] });
});

it('names parts that are away, fail or take too long', async () => {
  const report = await checkHealth(
    [
      check('away', away),
      check('failing', () => Promise.reject(new Error('x'))),
      check('slow', () => new Promise(() => undefined)),
      check('fine', there),
    ],
    SOON,
  );
  expect(report.ready).toBe(false);
  expect(report.checks.filter(({ ready }) => !ready).map(({ name }) => name)).toEqual(['away', 'failing', 'slow']);
});

it('is ready without parts that callers do not need, reports them, and does not wait for them', async () => {
  const checks = [check('database', there), check('broker', () => new Promise(() => undefined), false)];
  const report = await checkHealth(checks, { needed: 60_000, told: 20 });
  expect(report).toMatchObject({
    ready: true,
    checks: [
      { name: 'database', needed: true, ready: true },
      { name: 'broker', needed: false, ready: false },
    ],
  });
  expect((await checkHealth([check('database', away), ...checks], SOON)).ready).toBe(false);
});

it('reports how much is waiting, and when that is too much', async () => {
  const waiting = (name: string, events: number): HealthCheck =>
    check(name, () => Promise.resolve({ events, limit: 10 }), false);
  const report = await checkHealth([waiting('outbox', 10), waiting('consumers', 11)]);
  expect(report).toMatchObject({
    ready: true,
    checks: [
      { name: 'outbox', ready: true, events: 10 },
      { name: 'consumers', ready: false, events: 11 },
    ],
  });
});
