import { setImmediate as turn } from 'node:timers/promises';
import type { LogRecord } from '../ports.js';
import type { Heartbeat } from './group-pipeline.js';

const MOST_RECORDS = 1_000;

interface Waiting {
  readonly records: readonly LogRecord[];
  readonly heartbeat: Heartbeat;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Makes one transaction out of what several partitions deliver at once: while one runs, the others gather.
 * A partition has at most one delivery under way, so the order within it stays.
 */
export class Combiner {
  private waiting: Waiting[] = [];
  private busy = false;

  constructor(private readonly process: (records: readonly LogRecord[], heartbeat: Heartbeat) => Promise<void>) {}

  /** Resolves when all given records are handled; rejects when none may be counted as handled. */
  submit(records: readonly LogRecord[], heartbeat: Heartbeat): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ records, heartbeat, done, failed });
      if (!this.busy) void this.drain();
    });
  }

  private async drain(): Promise<void> {
    this.busy = true;
    // deliveries of one fetch arrive in the same turn
    await turn();
    while (this.waiting.length > 0) {
      const taken: Waiting[] = [];
      let size = 0;
      while (this.waiting[0] !== undefined && (size === 0 || size + this.waiting[0].records.length <= MOST_RECORDS)) {
        size += this.waiting[0].records.length;
        taken.push(this.waiting[0]);
        this.waiting.shift();
      }
      try {
        await this.process(
          taken.flatMap((item) => [...item.records]),
          async () => {
            for (const item of taken) await item.heartbeat();
          },
        );
        for (const item of taken) item.done();
      } catch (error) {
        for (const item of taken) item.failed(error);
      }
    }
    this.busy = false;
  }
}
