import type { InternalClient } from '#libs/auth';
import { AllianceClock } from '#libs/kernel';
import { ClockSync } from './clock-sync.js';

const AT = '2026-03-02T00:00:00.000Z';
/** Partners service whose first answers fail. */
function partners(): InternalClient {
  let asked = 0;
  const get = (): Promise<unknown> => {
    asked += 1;
    return asked === 1 ? Promise.reject(new Error('not there yet')) : Promise.resolve({ now: AT });
  };
  return { get } as unknown as InternalClient;
}

describe('the clock of a sandbox', () => {
  it('is unknown, so that nothing falls due, until partners has answered', async () => {
    const clock = new AllianceClock();
    const knownAtChange: boolean[] = [];
    clock.onChange(() => knownAtChange.push(clock.known));
    const sync = new ClockSync(clock, partners(), 'http://partners/clock');
    expect([clock.known, sync.ready()]).toEqual([false, false]);
    await sync.run();
    expect([clock.known, clock.now().toISOString()]).toEqual([true, AT]);
    expect(knownAtChange).toEqual([true]);
  });

  it('is known from the start if there is no test clock', () => {
    const clock = new AllianceClock();
    expect(new ClockSync(clock, partners(), null).ready()).toBe(true);
    expect(clock.known).toBe(true);
  });
});
