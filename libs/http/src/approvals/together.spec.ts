import { Together } from './together.js';

/** Work that ends on request and counts how often it was started. */
function work(): { begun: (() => void)[]; do: () => Promise<number> } {
  const begun: (() => void)[] = [];
  return { begun, do: () => new Promise((end) => begun.push(() => end(begun.length))) };
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('work requested by many callers', () => {
  it('runs twice for twenty callers: once for the first, once for all who came meanwhile', async () => {
    const [together, asked] = [new Together<number>(), work()];
    const runs = Array.from({ length: 20 }, () => together.run('a', asked.do));
    expect(asked.begun).toHaveLength(1);
    asked.begun[0]?.();
    expect(await runs[0]).toBe(1);
    await turn();
    expect(asked.begun).toHaveLength(2);
    asked.begun[1]?.();
    expect(await Promise.all(runs.slice(1))).toEqual(Array(19).fill(2));
    // a caller that comes when nothing runs does not wait
    const last = together.run('a', asked.do);
    expect(asked.begun).toHaveLength(3);
    asked.begun[2]?.();
    expect(await last).toBe(3);
  });

  it('fails only for the callers who shared the run, and delays no other key', async () => {
    const together = new Together<string>();
    const wrong = together.run('a', () => Promise.reject(new Error('away')));
    const next = together.run('a', () => Promise.resolve('there'));
    expect(await together.run('b', () => Promise.resolve('other'))).toBe('other');
    await expect(wrong).rejects.toThrow('away');
    expect(await next).toBe('there');
    expect(await together.run('a', () => Promise.resolve('again'))).toBe('again');
  });
});
