/** Whatever tells the time. Business rules ask a Clock; nothing else reads the system's. */
export interface Clock {
  now(): Date;
}

/** Real time: for tokens, leases, timeouts and measurements, which no test clock may move. */
export function systemNow(): Date {
  return new Date();
}

/** Milliseconds that only grow, for measuring durations. */
export function monotonicMs(): number {
  return performance.now();
}

/**
 * The alliance's clock: real time, unless a sandbox froze it.
 * A frozen clock stands still at its instant until it is set again or released.
 */
export class AllianceClock implements Clock {
  private frozen: Date | null = null;
  /** False while a sandbox has not said yet whether its clock stands still: until then nothing falls due. */
  known = true;
  private readonly listeners = new Set<(frozenAt: Date | null) => void>();

  now(): Date {
    return this.frozen === null ? systemNow() : new Date(this.frozen);
  }

  get frozenAt(): Date | null {
    return this.frozen;
  }

  /** Freezes the clock at an instant, or releases it to real time (null). */
  set(at: Date | null): void {
    this.frozen = at === null ? null : new Date(at);
    for (const listener of this.listeners) listener(this.frozen);
  }

  /** Calls back after every change, e.g. to run what has become due. Returns the way to stop. */
  onChange(listener: (frozenAt: Date | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
