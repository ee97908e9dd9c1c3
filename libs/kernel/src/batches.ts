import { fail, isDomainError } from './errors.js';

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Limits of the batches; unset means no limit. */
export interface BatchLimits<Item> {
  /** Largest batch, in items, or in weight if items have weights. A heavier item forms its own batch. */
  readonly batch: number;
  readonly weight?: (item: Item) => number;
  /** Most waiting items. */
  readonly queue?: number;
  /** A failing batch fails all its items, and none is retried alone. */
  readonly allFail?: boolean;
}

/**
 * One queue in front of work that runs one batch at a time. Items that arrive during a batch form the next one; otherwise an item
 * starts immediately. There is no timer: batches grow only with the load. An item that makes its batch fail fails alone.
 */
export class Batches<Item, Result> {
  private queue: Waiting<Item, Result>[] = [];
  private busy = false;

  constructor(
    /** Processes all items, in one transaction or look-up; the n-th result belongs to the n-th item. */
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
    // one turn of the event loop: items that arrive together are processed together
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
      // an unavailable database fails every item alike, and the result of a lost commit is unknown
      if (batch.length === 1 || isDomainError(error) || this.limits.allFail === true) {
        for (const { reject } of batch) reject(error);
      } else for (const one of batch) await this.send([one]);
    }
  }
}
