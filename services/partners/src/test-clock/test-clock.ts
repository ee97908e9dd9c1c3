import { fail } from '#libs/kernel';

/** State of the clock: frozen at an instant, in real time, or never set in a network without books (undefined). */
export interface ClockState {
  readonly frozenAt: Date | null;
}

/** Checks that the clock may be set to `at`. While there are no books the first setting is free; others never go back in time. */
export function checkSet(state: ClockState | undefined, at: Date, realNow: Date): void {
  if (state === undefined) return;
  const current = state.frozenAt ?? realNow;
  if (at.getTime() < current.getTime()) backwards(current);
}

/** Checks that the clock may be released. A clock frozen in the future must wait until real time has caught up. */
export function checkRelease(state: ClockState | undefined, realNow: Date): void {
  const frozenAt = state?.frozenAt ?? null;
  if (frozenAt !== null && realNow.getTime() < frozenAt.getTime()) backwards(frozenAt);
}

function backwards(current: Date): never {
  fail('clock_backwards', { detail: `The clock stands at ${current.toISOString()}.` });
}
