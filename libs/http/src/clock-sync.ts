import { setTimeout as sleep } from 'node:timers/promises';
import type { InternalClient } from '#libs/auth';
import { parseInstant } from '#libs/kernel';
import type { AllianceClock } from '#libs/kernel';

const RETRY_MS = 500;

/**
 * Keeps the service's clock equal to the alliance's. In a sandbox the clock may be frozen when the service starts, so the service asks
 * partners, which owns the clock, and is not ready before it has an answer.
 */
export class ClockSync {
  private known = false;
  private stopped = false;

  constructor(
    private readonly clock: AllianceClock,
    private readonly client: InternalClient,
    /** Owner of the clock; null when there is no test clock, or when this service owns it. */
    private readonly source: string | null,
  ) {
    this.known = source === null;
    clock.known = this.known;
  }

  ready(): boolean {
    return this.known;
  }

  /** Applies a push from partners, which is newer than any answer still pending. */
  accept(now: Date | null): void {
    this.known = true;
    this.clock.known = true;
    this.clock.set(now);
  }

  /** Asks until it has an answer, then stops: pushes bring later changes. Returns false when it was stopped first. */
  async run(): Promise<boolean> {
    while (!this.known && !this.stopped && this.source !== null) {
      try {
        const answer = await this.client.get<{ now: string | null }>(this.source);
        if (!this.ready() && answer !== null) this.accept(answer.now === null ? null : parseInstant(answer.now));
        if (answer !== null) break;
      } catch {
        // partners is not up yet
      }
      await sleep(RETRY_MS, undefined, { ref: false });
    }
    return !this.stopped;
  }

  stop(): void {
    this.stopped = true;
  }
}
