import { monotonicMs } from '#libs/kernel';
import { LaneSession } from './lane.session.js';

/** Notices are at least this far apart; one after a quiet time goes out at once. The relay itself keeps such a distance. */
const APART_MS = 100;

/**
 * Tells the relay that there is something to read. On a connection of its own and at most once in a while: a NOTIFY inside a
 * posting's transaction would make all commits queue for one lock. One that is lost costs only the relay's next poll.
 */
export class RelayWaker {
  private readonly session: LaneSession;
  private pending = false;
  /** Somebody called while the last notice was under way, and it may have been too early for them. */
  private again = false;
  private timer: NodeJS.Timeout | undefined;
  private notifiedAt = -APART_MS;
  private closed = false;

  constructor(databaseUrl: string) {
    this.session = new LaneSession(databaseUrl, 'hezong-waker');
  }

  wake(): void {
    if (this.closed) return;
    this.again = this.pending;
    if (this.pending) return;
    this.pending = true;
    const quiet = monotonicMs() - this.notifiedAt;
    this.timer = setTimeout(() => void this.notify(), Math.max(0, APART_MS - quiet));
    this.timer.unref();
  }

  /** One at a time: a connection takes no second query while it runs one. */
  private async notify(): Promise<void> {
    this.again = false;
    this.notifiedAt = monotonicMs();
    await this.session.query('notify', `select pg_notify('hezong_outbox', '')`, []).catch(() => undefined);
    this.pending = false;
    // a wake may have come during the call
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
    if (this.again) this.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.session.close();
  }
}
