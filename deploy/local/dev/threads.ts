import { Worker } from 'node:worker_threads';
import type { ServiceHost } from '../network/network.js';
import type { Order, Said } from './thread-worker.js';

/** A separate thread for some services; it answers one message at a time. */
class Thread {
  private readonly worker = new Worker(new URL('./thread-worker.js', import.meta.url));
  private readonly ended = new Promise<void>((resolve) => this.worker.once('exit', () => resolve()));
  private readonly waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly serves = new Set<string>();
  private gone = false;

  constructor(onLost: (error: Error) => void) {
    this.worker.on('message', ({ failed }: Said) => {
      const asked = this.waiting.shift();
      if (failed === undefined) asked?.resolve();
      else asked?.reject(new Error(failed));
    });
    this.worker.on('error', (error: Error) => {
      this.gone = true;
      const asked = this.waiting.splice(0);
      for (const one of asked) one.reject(error);
      if (asked.length === 0) onLost(error);
    });
  }

  /** An uncaught error has ended the thread, and its services with it. */
  get lost(): boolean {
    return this.gone;
  }

  order(order: Order): Promise<void> {
    if (this.gone) return Promise.reject(new Error('a thread of the network has ended'));
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.worker.postMessage(order);
    });
  }

  async stop(): Promise<void> {
    this.worker.postMessage({ kind: 'stop' } satisfies Order);
    await this.ended;
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** All services in threads. Two threads wait with their packages loaded, so that a changed service restarts quickly. */
export class Threads implements ServiceHost {
  private readonly living: Thread[] = [];
  private readonly spares: Thread[] = [];
  private envOf: (name: string) => Record<string, string> = () => ({});
  /** Services that were closed and could not be started: every restart tries them again. */
  private readonly down = new Set<string>();
  private closed = false;

  /**
   * @param groups services by thread, in their start order
   * @param onLost reports a service's fault after its start
   */
  constructor(
    private readonly groups: readonly (readonly string[])[],
    private readonly onLost: (error: Error) => void,
  ) {
    this.refill();
  }

  async serve(envOf: (name: string) => Record<string, string>, free: () => void): Promise<void> {
    this.envOf = envOf;
    await this.restart(this.groups.flat(), free);
  }

  /**
   * Loads the services anew, and only then closes the old ones and serves.
   * @throws Error when one cannot be loaded: the old ones continue; when one cannot be started: it is down until the next restart
   */
  async restart(changed: readonly string[], free?: () => void): Promise<void> {
    for (const thread of this.living) if (thread.lost) for (const name of thread.serves) this.down.add(name);
    const names = [...new Set([...changed, ...this.down])];
    const fresh = this.groups
      .map((group) => group.filter((name) => names.includes(name)))
      .filter((group) => group.length > 0)
      .map((group) => ({ group, thread: this.spare() }));
    const loaded = await Promise.allSettled(
      fresh.map(({ group, thread }) => thread.order({ kind: 'load', names: group })),
    );
    const fault = loaded.find((one) => one.status === 'rejected');
    if (fault !== undefined) {
      await Promise.all(fresh.map(({ thread }) => thread.stop()));
      this.refill();
      throw new Error(`cannot be loaded; the old version keeps running\n${wordsOf(fault.reason)}`);
    }
    await this.release(names);
    free?.();
    const started = await Promise.allSettled(
      fresh.map(async ({ group, thread }) => {
        this.living.push(thread);
        for (const name of group) {
          thread.serves.add(name);
          this.down.add(name);
          await thread.order({ kind: 'serve', name, env: this.envOf(name) });
          this.down.delete(name);
        }
      }),
    );
    this.refill();
    for (const one of started)
      if (one.status === 'rejected')
        throw new Error(`does not start and is down; the next save retries\n${wordsOf(one.reason)}`);
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.living.splice(0), ...this.spares.splice(0)].map((thread) => thread.stop()));
  }

  /** Stops these services in their threads; a thread without services then ends too. */
  private async release(names: readonly string[]): Promise<void> {
    await Promise.all(
      [...this.living].map(async (thread) => {
        const mine = names.filter((name) => thread.serves.delete(name));
        if (thread.serves.size === 0 || thread.lost) {
          this.living.splice(this.living.indexOf(thread), 1);
          await thread.stop();
        } else await Promise.all(mine.map((name) => thread.order({ kind: 'close', name })));
      }),
    );
  }

  private spare(): Thread {
    for (let thread = this.spares.pop(); thread !== undefined; thread = this.spares.pop())
      if (!thread.lost) return thread;
    return new Thread(this.onLost);
  }

  private refill(): void {
    while (!this.closed && this.spares.length < this.groups.length) this.spares.push(new Thread(this.onLost));
  }
}
