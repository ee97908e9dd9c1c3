import { AllianceClock } from '#libs/kernel';

/** An alliance clock frozen at an instant; move it with `set`. */
export function testClock(at = '2026-03-02T08:00:00+08:00'): AllianceClock {
  const clock = new AllianceClock();
  clock.set(new Date(at));
  return clock;
}
