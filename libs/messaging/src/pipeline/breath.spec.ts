import { monotonicMs } from '#libs/kernel';
import { breathe } from './breath.js';

async function waited(records: number, sinceBegin: number, stopping = new AbortController().signal): Promise<number> {
  const began = monotonicMs();
  await breathe(records, began - sinceBegin, stopping);
  return monotonicMs() - began;
}

describe('breathe', () => {
  it('pauses after a small batch, counted from its beginning', async () => {
    expect(await waited(3, 0)).toBeGreaterThan(180);
  });

  it.each([
    ['a full batch', 200, 0],
    ['a small batch that took long itself', 3, 210],
  ])('continues without a pause after %s', async (_, records, took) => {
    expect(await waited(records, took)).toBeLessThan(20);
  });

  it('does not delay a stop', async () => {
    expect(await waited(3, 0, AbortSignal.abort())).toBeLessThan(20);
  });
});
