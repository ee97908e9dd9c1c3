import { DomainError } from '#libs/kernel';
import { isTransient, sqlState, violatedConstraint } from '#libs/postgres';
import { LostConnection, NoConnection } from './item.js';
import type { BatchRunner, Item, OutcomeRow } from './item.js';
import { outcomeOf } from './outcome.js';

/** Items of one call at most. */
export const BATCH_LIMIT = 200;
const RETRIES = 3;

/** What a lane takes from outside, so that tests can play the world. */
export interface LaneWorld {
  /** Real time, ms. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** [0, 1) */
  readonly random: () => number;
  /** Told after each committed batch. */
  readonly committed: () => void;
}

/**
 * One queue before one connection. While a batch is under way everything else waits and becomes the next batch; when the lane is
 * free an item goes at once. No timer: batches grow with the load alone. A batch holds one kind of operation, no wallet twice
 * and no key twice, so inside the database every item stands on a row of its own.
 */
export class Lane {
  private queue: Item[] = [];
  private busy = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly runner: BatchRunner,
    private readonly world: LaneWorld,
    private readonly capacity: number,
  ) {}

  get depth(): number {
    return this.queue.length;
  }

  /** Takes the item, or refuses with `queue_full`. */
  enqueue(item: Item): void {
    if (this.queue.length >= this.capacity) {
      item.reject(new DomainError('queue_full', { retryAfter: 1 }));
      return;
    }
    this.queue.push(item);
    this.start();
  }

  /** Resolves once nothing waits and nothing is under way. */
  async drained(): Promise<void> {
    if (this.busy || this.queue.length > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private start(): void {
    if (this.busy) return;
    this.busy = true;
    void this.work();
  }

  private async work(): Promise<void> {
    // one turn of the loop: what arrives together goes together
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const batch = this.take();
      if (batch.length === 0) continue;
      await this.send(batch);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.busy = false;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  /** The oldest item and whatever may go with it; the order of the rest stays. */
  private take(): Item[] {
    const now = this.world.now();
    const batch: Item[] = [];
    const rest: Item[] = [];
    const wallets = new Set<string>();
    const keys = new Set<string>();
    for (const item of this.queue) {
      if (item.deadline <= now) {
        item.reject(new DomainError('queue_full', { retryAfter: 1 }));
        continue;
      }
      const transport = item.transportKey === null ? null : `t:${item.transportKey}`;
      const fits =
        batch.length < BATCH_LIMIT &&
        (batch[0] === undefined || batch[0].kind === item.kind) &&
        !wallets.has(item.walletId) &&
        (item.otherWalletId === undefined || !wallets.has(item.otherWalletId)) &&
        !keys.has(item.key) &&
        (transport === null || !keys.has(transport));
      if (!fits) {
        rest.push(item);
        continue;
      }
      batch.push(item);
      wallets.add(item.walletId);
      if (item.otherWalletId !== undefined) wallets.add(item.otherWalletId);
      keys.add(item.key);
      if (transport !== null) keys.add(transport);
    }
    this.queue = rest;
    return batch;
  }

  private async send(batch: readonly Item[]): Promise<void> {
    try {
      this.settle(batch, await this.attempt(batch));
      this.world.committed();
    } catch (error) {
      const [only] = batch;
      if (error instanceof NoConnection) {
        for (const item of batch) item.reject(new DomainError('unavailable', {}, { cause: error }));
      } else if (error instanceof LostConnection) {
        for (const item of batch) item.reject(new DomainError('outcome_unknown', {}, { cause: error }));
      } else if (batch.length > 1 || only === undefined) {
        // one poisoned item must not fail the others
        for (const item of batch) await this.send([item]);
      } else {
        only.reject(isOverload(error) ? new DomainError('unavailable', {}, { cause: error }) : error);
      }
    }
  }

  private async attempt(batch: readonly Item[]): Promise<readonly OutcomeRow[]> {
    for (let retry = 0; ; retry += 1) {
      try {
        const [first] = batch;
        return first === undefined ? [] : await this.runner.run(first.kind, batch);
      } catch (error) {
        if (!(isTransient(error) || isBeaten(error)) || retry >= RETRIES) throw error;
        await this.world.sleep(2 ** retry * (5 + this.world.random() * 20));
      }
    }
  }

  private settle(batch: readonly Item[], rows: readonly OutcomeRow[]): void {
    const answers = new Map(rows.map((row) => [row.n, row]));
    batch.forEach((item, n) => {
      const row = answers.get(n);
      try {
        if (row === undefined) throw new DomainError('not_found');
        item.resolve(outcomeOf(row, item));
      } catch (error) {
        item.reject(error);
      }
    });
  }
}

/** Another lane claimed one of the keys while this batch was under way: a repeat finds what it did with it. */
function isBeaten(error: unknown): boolean {
  return violatedConstraint(error) === 'claim_pkey';
}

/** Refusals of a server that is short of something: nothing was done, a repeat may succeed. */
function isOverload(error: unknown): boolean {
  const state = sqlState(error);
  return state !== null && (state === '57014' || state === '25006' || isTransient(error) || /^(53|58)/.test(state));
}
