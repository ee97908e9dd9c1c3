import { setTimeout as sleep } from 'node:timers/promises';
import type { InternalClient } from '#libs/auth';
import { parseInstant } from '#libs/kernel';
import type { AllianceClock } from '#libs/kernel';

const RETRY_MS = 500;

/**
 * Keeps the service's clock that of the alliance. In a sandbox the clock may stand frozen when the service starts, so it
 * asks partners, who keeps it, and is not ready before it knows.
 */
export class ClockSync {
  private known = false;
  private stopped = false;

  constructor(
    private readonly clock: AllianceClock,
    private readonly client: InternalClient,
    /** Where the clock is kept; null when there is no test clock, or when this service keeps it. */
    private readonly source: string | null,
  ) {
    this.known = source === null;
    clock.known = this.known;
  }

  ready(): boolean {
    return this.known;
  }

  /** A push from partners; it is newer than any answer still under way. */
  accept(now: Date | null): void {
    this.known = true;
    this.clock.known = true;
    this.clock.set(now);
  }

  /** Asks until somebody has told, then stops for good: pushes do the rest. False when it was stopped instead. */
  async run(): Promise<boolean> {
    while (!this.known && !this.stopped && this.source !== null) {
      try {
        const answer = await this.client.get<{ now: string | null }>(this.source);
        if (!this.ready() && answer !== null) this.accept(answer.now === null ? null : parseInstant(answer.now));
        if (answer !== null) break;
      } catch {
        // partners isn't there yet
      }
      await sleep(RETRY_MS, undefined, { ref: false });
    }
    return !this.stopped;
  }

  stop(): void {
    this.stopped = true;
  }
}
