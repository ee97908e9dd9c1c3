import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, BeforeApplicationShutdown } from '@nestjs/common';

import { DataSource } from 'typeorm';

import { AllianceClock } from '#libs/kernel';

import { CONFIG, MOST_COUNTED } from '#libs/http';
import type { Due, DueItems } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import type { LedgerConfig } from '../ledger.config.js';
import type { SweepResult } from '../posting/posting.js';
import { Postings } from '../posting/postings.service.js';
import { DueRepository } from './due.repository.js';

/** Postings that one sweep makes at most before the next look. */
const BATCH = 500;

/**
 * Does what time alone makes due: pending points become spendable, holds run out, lots expire. Several instances may
 * look at once, as the ledger core skips what another one has locked.
 */
@Injectable()
export class DueWork implements Due, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(DueWork.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private moved: Promise<void> | null = null;
  private wanted = false;
  private readonly stopping = new AbortController();
  private unsubscribe: (() => void) | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly clock: AllianceClock,
    private readonly postings: Postings,
    private readonly dataSource: DataSource,
    private readonly repository: DueRepository,
  ) {}

  onApplicationBootstrap(): void {
    this.unsubscribe = this.clock.onChange(() => {
      const moved: Promise<void> = this.run()
        .catch((error: unknown) => {
          this.log.warn(error);
        })
        .finally(() => {
          if (this.moved === moved) this.moved = null;
        });
      this.moved = moved;
    });
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    this.unsubscribe?.();
    await this.running?.catch(() => undefined);
  }

  /** Null, or what is still being done because the clock was set: whoever depends on the time waits for it. */
  afterClockMove(): Promise<void> | null {
    return this.moved;
  }

  /** Does all that is due now. Calls that come meanwhile share one further look. */
  async run(): Promise<void> {
    if (this.running !== null) {
      this.wanted = true;
      return this.running;
    }
    this.running = this.sweep();
    try {
      await this.running;
    } finally {
      this.running = null;
    }
  }

  due(): Promise<DueItems[]> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.repository.count(tx, this.clock.now(), MOST_COUNTED),
    );
  }

  private async sweep(): Promise<void> {
    do {
      // a hold that runs out gives points back to lots that may have died meanwhile, so lots come last
      await this.drain((now) => this.postings.releasePending(now, BATCH));
      await this.drain((now) => this.postings.expireHolds(now, BATCH));
      await this.drain((now) => this.postings.sweepExpired(now, BATCH));
    } while (this.takeWanted() && !this.stopping.signal.aborted);
  }

  private takeWanted(): boolean {
    const wanted = this.wanted;
    this.wanted = false;
    return wanted;
  }

  private async drain(step: (now: Date) => Promise<SweepResult>): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const { postings } = await step(this.clock.now());
      if (postings === 0) return;
    }
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      // by real time the holds of a sandbox that stands still in the past would all run out
      (this.clock.known ? this.run() : Promise.resolve())
        .catch((error: unknown) => {
          this.log.warn(error);
        })
        .finally(() => {
          if (!this.stopping.signal.aborted) this.schedule();
        });
    }, this.config.sweepMs);
    this.timer.unref();
  }
}
