/** A source of time. Business rules use a Clock; no other code reads the system clock. */
export interface Clock {
  now(): Date;
}

/** Real time: for tokens, leases, timeouts and measurements, which a test clock must not change. */
export function systemNow(): Date {
  return new Date();
}

/** Milliseconds that only increase, for measuring durations. */
export function monotonicMs(): number {
  return performance.now();
}

/**
 * The alliance's clock: real time by this machine's clock, corrected if needed, or the instant at which a sandbox froze it.
 * A frozen clock stays at its instant until it is set again or released.
 */
export class AllianceClock implements Clock {
  private frozen: Date | null = null;
  private aheadMs = 0;
  /** False until a sandbox has reported whether its clock is frozen: until then nothing falls due. */
  known = true;
  private readonly listeners = new Set<(frozenAt: Date | null) => void>();

  now(): Date {
    return this.frozen === null ? new Date(systemNow().getTime() - this.aheadMs) : new Date(this.frozen);
  }

  /** Sets the number of milliseconds by which this machine's clock is ahead of (negative: behind) the reference clock. */
  correct(aheadMs: number): void {
    this.aheadMs = aheadMs;
  }

  get frozenAt(): Date | null {
    return this.frozen;
  }

  /** Freezes the clock at an instant, or releases it to real time (null). */
  set(at: Date | null): void {
    this.frozen = at === null ? null : new Date(at);
    for (const listener of this.listeners) listener(this.frozen);
  }

  /** Calls back after every change, e.g. to run work that has become due. Returns a function that unsubscribes. */
  onChange(listener: (frozenAt: Date | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
