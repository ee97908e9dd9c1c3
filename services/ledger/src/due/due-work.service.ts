import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, BeforeApplicationShutdown } from '@nestjs/common';

import { DataSource } from 'typeorm';

import { AllianceClock } from '#libs/kernel';

import { CONFIG, MOST_COUNTED } from '#libs/http';
import type { Due, DueItems } from '#libs/http';
import { runInTransaction } from '#libs/postgres';
import type { LedgerConfig } from '../ledger.config.js';
import { Postings } from '../posting/postings.service.js';
import { DueRepository } from './due.repository.js';

/** Wallets that one call settles: few, as whoever wants one of them waits for all. */
const BATCH = 50;

/**
 * Does what time alone makes due in wallets that nobody touches: pending points become spendable, holds run out, lots expire. No
 * spend and no read depends on it, as each settles its own wallet. Several instances may look at once, as the ledger core skips
 * what another one has locked.
 */
@Injectable()
export class DueWork implements Due, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(DueWork.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
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
      this.run().catch((error: unknown) => {
        this.log.warn(error);
      });
    });
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    this.unsubscribe?.();
    await this.running?.catch(() => undefined);
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
      while (!this.stopping.signal.aborted && (await this.settleSome()));
    } while (this.takeWanted() && !this.stopping.signal.aborted);
  }

  /** Whether there may be more. */
  private async settleSome(): Promise<boolean> {
    const { done, failed } = await this.postings.settleDue(this.clock.now(), BATCH);
    for (const walletId of failed) this.log.error(`what is due in wallet ${walletId} cannot be done`);
    return done + failed.length > 0;
  }

  private takeWanted(): boolean {
    const wanted = this.wanted;
    this.wanted = false;
    return wanted;
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
