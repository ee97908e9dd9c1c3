import { LaneSession } from './lane-session.js';

const PAUSE_MS = 20;

/**
 * Tells the relay that there is something to read. On a connection of its own and at most once in a while: a NOTIFY inside a
 * posting's transaction would make all commits queue for one lock. One that is lost costs only the relay's next poll.
 */
export class RelayWaker {
  private readonly session: LaneSession;
  private pending = false;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(databaseUrl: string) {
    this.session = new LaneSession(databaseUrl, 'hezong-waker', 0);
  }

  wake(): void {
    if (this.pending || this.closed) return;
    this.pending = true;
    this.timer = setTimeout(() => {
      this.pending = false;
      this.session.query('notify', `select pg_notify('hezong_outbox', '')`, []).catch(() => undefined);
    }, PAUSE_MS);
    this.timer.unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.session.close();
  }
}
