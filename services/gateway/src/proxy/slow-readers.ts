import type { Expiring } from './deadlines.js';

/**
 * Answers of one service that their callers do not read. Each occupies a connection to the service, and together they may occupy
 * only part of the connections. Beyond that, the longest unread answer of the caller with the most is broken off.
 */
export class SlowReaders {
  private readonly waiting = new Map<string, Set<Expiring>>();
  private count = 0;

  constructor(private readonly most: number) {}

  add(caller: string, call: Expiring): void {
    const calls = this.waiting.get(caller) ?? new Set();
    this.waiting.set(caller, calls.add(call));
    this.count += 1;
    if (this.count > this.most) this.breakOff();
  }

  done(caller: string, call: Expiring): void {
    const calls = this.waiting.get(caller);
    if (calls?.delete(call) !== true) return;
    this.count -= 1;
    if (calls.size === 0) this.waiting.delete(caller);
  }

  private breakOff(): void {
    const [most] = [...this.waiting].sort(([, a], [, b]) => b.size - a.size);
    const [caller, [oldest] = []] = most ?? ['', []];
    if (oldest === undefined) return;
    this.done(caller, oldest);
    oldest.expire();
  }
}
