import { fail, isDomainError } from './errors.js';

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** What bounds the batches; no bound where nothing is said. */
export interface BatchLimits<Item> {
  /** The most of one batch: items, or their weights where there are any. A heavier item is a batch by itself. */
  readonly batch: number;
  readonly weight?: (item: Item) => number;
  /** The most items that wait. */
  readonly queue?: number;
  /** A failing batch fails all its items, and none is tried alone. */
  readonly allFail?: boolean;
}

/**
 * One queue before one piece of work at a time. While a batch is under way everything else waits and becomes the next batch; when
 * nothing is, an item goes at once. No timer: batches grow with the load alone. An item that makes its batch fail fails alone.
 */
export class Batches<Item, Result> {
  private queue: Waiting<Item, Result>[] = [];
  private busy = false;

  constructor(
    /** Does all items, in one transaction or look-up; the n-th result is the n-th item's. */
    private readonly run: (items: readonly Item[]) => Promise<readonly Result[]>,
    private readonly limits: BatchLimits<Item>,
  ) {}

  /** @throws DomainError `unavailable` when too many wait */
  add(item: Item): Promise<Result> {
    if (this.queue.length >= (this.limits.queue ?? Infinity)) fail('unavailable', { retryAfter: 1 });
    return new Promise((resolve, reject) => {
      this.queue.push({ item, resolve, reject });
      if (!this.busy) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.busy = true;
    // one turn of the loop: what arrives together goes together
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) await this.send(this.queue.splice(0, this.size()));
    this.busy = false;
  }

  private size(): number {
    const { batch, weight } = this.limits;
    if (weight === undefined) return batch;
    let sum = 0;
    const first = this.queue.findIndex(({ item }) => (sum += weight(item)) > batch);
    return first === -1 ? this.queue.length : Math.max(1, first);
  }

  private async send(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error('a batch gave not one result for each item');
      results.forEach((result, n) => batch[n]?.resolve(result));
    } catch (error) {
      // what the database's absence does to one it does to all, and nobody knows what a lost commit left
      if (batch.length === 1 || isDomainError(error) || this.limits.allFail === true) {
        for (const { reject } of batch) reject(error);
      } else for (const one of batch) await this.send([one]);
    }
  }
}
