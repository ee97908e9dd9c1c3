import { DomainError } from '#libs/kernel';
import { isTransient, sqlState, violatedConstraint } from '#libs/postgres';
import { LostConnection, NoConnection } from './item.js';
import type { BatchRunner, Item, OutcomeRow } from './item.js';
import { outcomeOf } from './outcome.js';

/** Most items of one call. */
export const BATCH_LIMIT = 200;
const RETRIES = 3;
/** Delays before a locked wallet is tried again: the first one, and the longest. Milliseconds. */
const ASIDE_MS = 25;
const ASIDE_MOST_MS = 400;
/** A batch that takes longer may contain a large wallet. */
const SLOW_MS = 250;
/** Most large wallets to remember. */
const LARGE_MOST = 10_000;

/** The outside dependencies of a lane, replaceable in tests. */
export interface LaneWorld {
  /** Real time, ms. */
  readonly now: () => number;
  /** Pauses; ends early when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly sleep: (ms: number) => Promise<void>;
  /** [0, 1) */
  readonly random: () => number;
  /** Called after each committed batch. */
  readonly committed: () => void;
}

/** A wallet locked by another transaction, and the items that wait for it. */
interface Aside {
  items: Item[];
  /** Time of the next try. */
  at: number;
  waitMs: number;
}

/** A separate lane for wallets with very many lots: their operations take long and should delay only each other. */
export class LargeWallets {
  private readonly wallets = new Set<string>();

  constructor(readonly lane: Lane) {}

  has(item: Item): boolean {
    return this.wallets.size > 0 && walletsOf(item).some((wallet) => this.wallets.has(wallet));
  }

  remember(wallets: Iterable<string>): void {
    for (const wallet of wallets) {
      this.wallets.delete(wallet);
      this.wallets.add(wallet);
    }
    for (const oldest of this.wallets) {
      if (this.wallets.size <= LARGE_MOST) return;
      this.wallets.delete(oldest);
    }
  }
}

/**
 * One queue for one connection. While a batch is under way, new items wait and form the next batch; when the lane is free, an item
 * is sent immediately. There is no timer: batches grow with the load alone. A batch holds one kind of operation, and no wallet or
 * key twice, so that in the database every item has a row of its own. A wallet locked by another transaction is put aside at the
 * first time-out with all its items, so that it delays no others. It is tried again until it is free or the items' deadlines pass.
 * Items of large wallets that exceed the runner's time limit go to the lane of large wallets, as do all later items of those
 * wallets.
 */
export class Lane {
  private queue: Item[] = [];
  private readonly aside = new Map<string, Aside>();
  /** Ends the wait for locked wallets; null while there is none. */
  private rouse: AbortController | null = null;
  private busy = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly runner: BatchRunner,
    private readonly world: LaneWorld,
    private readonly capacity: number,
    /** Null in the lane of large wallets. */
    private readonly large: LargeWallets | null = null,
  ) {}

  get depth(): number {
    let depth = this.queue.length;
    for (const { items } of this.aside.values()) depth += items.length;
    return depth;
  }

  /** Queues the item, or rejects it with `queue_full`. */
  enqueue(item: Item): void {
    if (this.large?.has(item) === true) {
      this.large.lane.enqueue(item);
      return;
    }
    if (this.depth >= this.capacity) {
      item.reject(new DomainError('queue_full', { retryAfter: 1 }));
      return;
    }
    this.queue.push(item);
    this.rouse?.abort();
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
    // one turn of the event loop, so that items that arrive together form one batch
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0 || this.aside.size > 0) {
      if (this.aside.size > 0) await this.lookAgain();
      const batch = this.take();
      if (batch.length > 0) await this.send(batch);
      else if (this.queue.length === 0) await this.waitForAside();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.busy = false;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Takes the oldest item and all others that fit with it; the rest keep their order. */
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
      if (this.large?.has(item) === true) {
        this.large.lane.enqueue(item);
        continue;
      }
      const locked = this.aside.get(item.walletId) ?? this.aside.get(item.otherWalletId ?? '');
      if (locked !== undefined) {
        locked.items.push(item);
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

  private async send(batch: readonly Item[], patient = false): Promise<void> {
    const began = this.world.now();
    try {
      this.settle(batch, await this.attempt(batch, patient));
      this.world.committed();
      if (this.world.now() - began > SLOW_MS) await this.largeOf(batch);
    } catch (error) {
      const [only] = batch;
      if (error instanceof NoConnection) {
        for (const item of batch) item.reject(new DomainError('unavailable', {}, { cause: error }));
      } else if (error instanceof LostConnection) {
        for (const item of batch) item.reject(new DomainError('outcome_unknown', {}, { cause: error }));
      } else if (isLocked(error)) {
        await this.sendUnlocked(batch);
      } else if (this.large !== null && !patient && isTimedOut(error)) {
        await this.sendSmall(batch, this.large);
      } else if (batch.length > 1 || only === undefined) {
        // one failing item must not fail the others
        for (const item of batch) await this.send([item], patient);
      } else {
        only.reject(isOverload(error) ? new DomainError('unavailable', {}, { cause: error }) : error);
      }
    }
  }

  /** After a time-out: moves items of large wallets to their lane, and sends the rest with a longer time limit. */
  private async sendSmall(batch: readonly Item[], large: LargeWallets): Promise<void> {
    await this.largeOf(batch);
    const small: Item[] = [];
    for (const item of batch) {
      if (large.has(item)) large.lane.enqueue(item);
      else small.push(item);
    }
    if (small.length > 0) await this.send(small, true);
  }

  /** Remembers which wallets of a batch are large. */
  private async largeOf(batch: readonly Item[]): Promise<void> {
    if (this.large === null) return;
    try {
      this.large.remember(await this.runner.large([...new Set(batch.flatMap(walletsOf))]));
    } catch {
      // the next slow batch tries again
    }
  }

  /** After a lock time-out: puts items of locked wallets aside and sends the rest. */
  private async sendUnlocked(batch: readonly Item[]): Promise<void> {
    const locked = await this.lockedOf(batch);
    const free = batch.filter((item) => !walletsOf(item).some((wallet) => locked.has(wallet)));
    for (const item of batch) {
      const wallet = walletsOf(item).find((each) => locked.has(each));
      if (wallet !== undefined) this.putAside(wallet, item);
    }
    const [only] = free;
    if (only === undefined) return;
    // the lock was on something other than a wallet, or the wallet is free by now
    if (batch.length === 1) this.putAside(only.walletId, only);
    else if (free.length < batch.length) await this.send(free);
    else for (const item of free) await this.send([item]);
  }

  private putAside(wallet: string, item: Item): void {
    const known = this.aside.get(wallet);
    if (known === undefined)
      this.aside.set(wallet, { items: [item], at: this.world.now() + ASIDE_MS, waitMs: ASIDE_MS });
    else known.items.push(item);
  }

  /** Returns items of wallets that are free again to the head of the queue; rejects items past their deadline. */
  private async lookAgain(): Promise<void> {
    const now = this.world.now();
    for (const [wallet, aside] of this.aside) {
      aside.items = aside.items.filter((item) => {
        if (item.deadline > now) return true;
        item.reject(new DomainError('unavailable', { retryAfter: 1 }));
        return false;
      });
      if (aside.items.length === 0) this.aside.delete(wallet);
    }
    const due = [...this.aside].filter(([, { at }]) => at <= now);
    if (due.length === 0) return;
    const locked = await this.lockedOf(due.flatMap(([, { items }]) => items));
    const back: Item[] = [];
    for (const [wallet, aside] of due) {
      if (aside.items.some((item) => walletsOf(item).some((each) => locked.has(each)))) {
        aside.waitMs = Math.min(aside.waitMs * 2, ASIDE_MOST_MS);
        aside.at = this.world.now() + aside.waitMs;
      } else {
        this.aside.delete(wallet);
        back.push(...aside.items);
      }
    }
    this.queue = [...back, ...this.queue];
  }

  /** Returns the wallets of the items that another transaction has locked; empty if this cannot be determined. */
  private async lockedOf(items: readonly Item[]): Promise<ReadonlySet<string>> {
    try {
      return new Set(await this.runner.locked([...new Set(items.flatMap(walletsOf))]));
    } catch {
      // the next batch finds out
      return new Set();
    }
  }

  private async waitForAside(): Promise<void> {
    if (this.aside.size === 0) return;
    const next = Math.min(
      ...[...this.aside.values()].flatMap(({ at, items }) => [at, ...items.map(({ deadline }) => deadline)]),
    );
    this.rouse = new AbortController();
    await this.world.pause(Math.max(1, next - this.world.now()), this.rouse.signal);
    this.rouse = null;
  }

  private async attempt(batch: readonly Item[], patient: boolean): Promise<readonly OutcomeRow[]> {
    for (let retry = 0; ; retry += 1) {
      try {
        const [first] = batch;
        return first === undefined ? [] : await this.runner.run(first.kind, batch, patient);
      } catch (error) {
        if (isLocked(error) || !(isTransient(error) || isBeaten(error)) || retry >= RETRIES) throw error;
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

function walletsOf({ walletId, otherWalletId }: Item): string[] {
  return otherWalletId === undefined ? [walletId] : [walletId, otherWalletId];
}

/** A lock was not obtained in time. */
function isLocked(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

function isTimedOut(error: unknown): boolean {
  return sqlState(error) === '57014';
}

/** Another lane claimed one of the keys while this batch was under way: a repeat finds that lane's result. */
export function isBeaten(error: unknown): boolean {
  return violatedConstraint(error) === 'claim_pkey';
}

/** Errors of a server short of resources: nothing was done, and a repeat may succeed. */
function isOverload(error: unknown): boolean {
  const state = sqlState(error);
  return state !== null && (state === '57014' || state === '25006' || isTransient(error) || /^(53|58)/.test(state));
}
