import { setImmediate as turn } from 'node:timers/promises';
import type { LogRecord } from '../ports.js';

const MOST_RECORDS = 1_000;

/** What one partition delivered. */
export interface Delivery {
  readonly records: readonly LogRecord[];
}

interface Waiting<D extends Delivery> {
  readonly delivery: D;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Makes one transaction out of what several partitions deliver at once: while one runs, the others gather.
 * A partition has at most one delivery under way, so the order within it stays.
 */
export class Combiner<D extends Delivery> {
  private waiting: Waiting<D>[] = [];
  private busy = false;

  constructor(private readonly process: (deliveries: readonly D[]) => Promise<void>) {}

  /** Resolves when the delivery is handled; rejects when nothing of it may be counted as handled. */
  submit(delivery: D): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ delivery, done, failed });
      if (!this.busy) void this.drain();
    });
  }

  private async drain(): Promise<void> {
    this.busy = true;
    // deliveries of one fetch arrive in the same turn
    await turn();
    while (this.waiting.length > 0) {
      const taken: Waiting<D>[] = [];
      let size = 0;
      while (
        this.waiting[0] !== undefined &&
        (size === 0 || size + this.waiting[0].delivery.records.length <= MOST_RECORDS)
      ) {
        size += this.waiting[0].delivery.records.length;
        taken.push(this.waiting[0]);
        this.waiting.shift();
      }
      try {
        await this.process(taken.map((item) => item.delivery));
        for (const item of taken) item.done();
      } catch (error) {
        for (const item of taken) item.failed(error);
      }
    }
    this.busy = false;
  }
}
