import { monotonicMs } from '#libs/kernel';
import { LaneSession } from './lane.session.js';

/**
 * Minimum time between notices. The first notice after a quiet time is sent immediately. The relay itself keeps the same interval.
 */
const APART_MS = 100;

/**
 * Notifies the relay of new rows, on its own connection and at limited frequency: a NOTIFY inside a posting's transaction would make
 * all commits queue for one lock. A lost notice only delays the rows until the relay's next poll.
 */
export class RelayWaker {
  private readonly session: LaneSession;
  private pending = false;
  /** Called again during the last notice, which may have been too early for the new rows. */
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

  /** One notice at a time, because the connection runs one query at a time. */
  private async notify(): Promise<void> {
    this.again = false;
    this.notifiedAt = monotonicMs();
    await this.session.query('notify', `select pg_notify('hezong_outbox', '')`, []).catch(() => undefined);
    this.pending = false;
    // a call may have come meanwhile
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
    if (this.again) this.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.session.close();
  }
}
