import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { AllianceClock } from '#libs/kernel';
import { Job, Jobs } from './index.js';

/** Work that ends on request and counts its runs. */
function workbench() {
  const ends: (() => void)[] = [];
  const seen = { begun: 0, atOnce: 0, most: 0 };
  const work = async (): Promise<void> => {
    seen.begun += 1;
    seen.most = Math.max(seen.most, (seen.atOnce += 1));
    await new Promise<void>((end) => ends.push(end));
    seen.atOnce -= 1;
  };
  const end = async (): Promise<void> => {
    await sleep(1);
    ends.shift()?.();
    await sleep(1);
  };
  return { seen, work, end };
}

beforeAll(() => {
  Logger.overrideLogger(false);
});

test('a caller during a run gets a run that begins after it, shared with all other callers', async () => {
  const { seen, work, end } = workbench();
  const job = new Job('job', 60_000, work);
  const first = job.run();
  const later = [job.run(), job.run(), job.run()];
  await end();
  await first;
  expect(seen.begun).toBe(2);
  const afterwards = job.run();
  await end();
  await Promise.all(later);
  await end();
  await afterwards;
  expect(seen).toEqual({ begun: 3, atOnce: 0, most: 1 });
});

test('a failing run is reported to its callers and to no others, and the loop continues', async () => {
  let runs = 0;
  const job = new Job('job', 5, () => (++runs % 2 === 1 ? Promise.reject(new Error('broken')) : Promise.resolve()));
  const first = job.run();
  const second = job.run();
  await expect(first).rejects.toThrow('broken');
  await second;
  job.start();
  await sleep(100);
  await job.stop();
  expect(runs).toBeGreaterThan(4);
});

test('the pause begins when a run has ended', async () => {
  const { seen, work, end } = workbench();
  const job = new Job('job', 10, work);
  job.start();
  await sleep(60);
  expect(seen.begun).toBe(1);
  await end();
  await sleep(60);
  expect(seen.begun).toBe(2);
  const stopped = job.stop();
  await end();
  await stopped;
});

test('stopping a service aborts the current run, waits for it, and begins no other', async () => {
  const jobs = new Jobs(new AllianceClock());
  const told: boolean[] = [];
  const { seen, work, end } = workbench();
  jobs.every(5, 'job', async (stopping) => {
    await work();
    told.push(stopping.aborted);
  });
  jobs.onApplicationBootstrap();
  await sleep(30);
  let over = false;
  const ended = jobs.beforeApplicationShutdown().then(() => (over = true));
  await sleep(10);
  expect(over).toBe(false);
  await end();
  await ended;
  await sleep(30);
  expect(told).toEqual([true]);
  expect(seen.begun).toBe(1);
});

test('due work is done when the clock changes, but not before the clock is known', async () => {
  const clock = new AllianceClock();
  clock.known = false;
  const jobs = new Jobs(clock);
  let runs = 0;
  jobs.due(10, 'job', () => Promise.resolve((runs += 1)));
  jobs.onApplicationBootstrap();
  await sleep(50);
  expect(runs).toBe(0);
  await jobs.beforeApplicationShutdown();
  const again = new Jobs(clock);
  again.due(60_000, 'job', () => Promise.resolve((runs += 1)));
  clock.known = true;
  clock.set(new Date('2026-03-01T00:00:00Z'));
  await sleep(1);
  expect(runs).toBe(1);
});
