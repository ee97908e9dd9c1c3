import { monotonicMs } from '#libs/kernel';

export interface Expiring {
  /** Called once when the deadline has passed. */
  expire(): void;
}

/** Deadlines of all calls on one timer: a timer for each call would cost more than the rest of its bookkeeping. */
export class Deadlines {
  private readonly waiting = new Map<Expiring, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly limitMs: number,
    sweepEveryMs = Math.min(500, limitMs / 2),
  ) {
    this.timer = setInterval(() => this.sweep(), sweepEveryMs);
    this.timer.unref();
  }

  get size(): number {
    return this.waiting.size;
  }

  add(call: Expiring): void {
    this.waiting.set(call, monotonicMs() + this.limitMs);
  }

  done(call: Expiring): void {
    this.waiting.delete(call);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private sweep(): void {
    const now = monotonicMs();
    for (const [call, deadline] of this.waiting) {
      // Insertion order is deadline order.
      if (deadline > now) return;
      this.waiting.delete(call);
      call.expire();
    }
  }
}
