import { checkHealth } from './health.js';

it('is ready when everything is', async () => {
  const report = await checkHealth([{ name: 'database', ready: () => Promise.resolve(true) }]);
  expect(report).toMatchObject({ ready: true, checks: [{ name: 'database', ready: true }] });
});

it('names what is away, fails or takes too long', async () => {
  const report = await checkHealth(
    [
      { name: 'away', ready: () => Promise.resolve(false) },
      { name: 'failing', ready: () => Promise.reject(new Error('x')) },
      { name: 'slow', ready: () => new Promise(() => undefined) },
      { name: 'fine', ready: () => Promise.resolve(true) },
    ],
    20,
  );
  expect(report.ready).toBe(false);
  expect(report.checks.filter((check) => !check.ready).map((check) => check.name)).toEqual(['away', 'failing', 'slow']);
});

it('is not ready when too much waits, and says how much', async () => {
  const waiting = (name: string, events: number) => ({ name, ready: () => Promise.resolve({ events, limit: 10 }) });
  const report = await checkHealth([waiting('outbox', 10), waiting('consumers', 11)]);
  expect(report.checks).toMatchObject([
    { name: 'outbox', ready: true, events: 10 },
    { name: 'consumers', ready: false, events: 11 },
  ]);
  expect(report.ready).toBe(false);
});
