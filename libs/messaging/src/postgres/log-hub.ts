import type pg from 'pg';
import { createPool, listen } from '#libs/postgres';

const CHANNEL = 'hezong_log';

/** Connections of this process to one log database, shared by all services that run in it. */
export class LogHub {
  private static readonly open = new Map<string, LogHub>();

  readonly pool: pg.Pool;
  private users = 0;
  private readonly listeners = new Set<(payload: string | null) => void>();
  private listening: Promise<() => Promise<void>> | null = null;

  private constructor(private readonly url: string) {
    this.pool = createPool(url, 'hezong-log', 8);
  }

  static acquire(url: string): LogHub {
    const hub = LogHub.open.get(url) ?? new LogHub(url);
    LogHub.open.set(url, hub);
    hub.users += 1;
    return hub;
  }

  /** Receives `topic:<name>` after appends, `group:<name>` after changes of membership, null after a reconnect. */
  async hear(listener: (payload: string | null) => void): Promise<() => void> {
    this.listeners.add(listener);
    this.listening ??= listen(this.url, CHANNEL, (payload) => {
      for (const each of this.listeners) each(payload);
    });
    await this.listening;
    return () => void this.listeners.delete(listener);
  }

  async release(): Promise<void> {
    this.users -= 1;
    if (this.users > 0) return;
    LogHub.open.delete(this.url);
    const stop = await this.listening;
    await stop?.();
    await this.pool.end();
  }
}
