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
