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
 * The alliance's clock: real time, as this machine has it unless it was corrected, or that at which a sandbox froze it.
 * A frozen clock stands still at its instant until it is set again or released.
 */
export class AllianceClock implements Clock {
  private frozen: Date | null = null;
  private aheadMs = 0;
  /** False while a sandbox has not said yet whether its clock stands still: until then nothing falls due. */
  known = true;
  private readonly listeners = new Set<(frozenAt: Date | null) => void>();

  now(): Date {
    return this.frozen === null ? new Date(systemNow().getTime() - this.aheadMs) : new Date(this.frozen);
  }

  /** Says by how many milliseconds this machine's clock is ahead (negative: behind) of the one that counts. */
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

  /** Calls back after every change, e.g. to run what has become due. Returns the way to stop. */
  onChange(listener: (frozenAt: Date | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
