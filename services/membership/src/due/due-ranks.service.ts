import { Inject, Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, MOST_COUNTED } from '#libs/http';
import type { Due, DueItems } from '#libs/http';
import { AllianceClock } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { MembershipConfig } from '../membership.config.js';
import { Standings } from '../standing/standings.service.js';

/** Wallets judged in one transaction. */
const BATCH = 500;

/** Judges what time alone makes due: ends of periods, of grants, of ladders; and everybody anew by other rules. Several instances may look at once. */
@Injectable()
export class DueRanks implements Due, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(DueRanks.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private wanted = false;
  private stopped = false;
  private unsubscribe: (() => void) | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly standings: Standings,
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
    this.stopped = true;
    clearTimeout(this.timer);
    this.unsubscribe?.();
    await this.running?.catch(() => undefined);
  }

  /** Judges all that is due now. Calls that come meanwhile share one further look. */
  async run(): Promise<void> {
    this.wanted = true;
    this.running ??= this.sweep();
    return this.running;
  }

  async due(): Promise<DueItems[]> {
    const items = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.standings.countDue(tx, MOST_COUNTED),
    );
    return [{ work: 'ranks', items }];
  }

  private async sweep(): Promise<void> {
    try {
      while (this.isWanted()) await this.drain();
    } finally {
      // at once, so that no call falls between the last look and the end
      this.running = null;
    }
  }

  private isWanted(): boolean {
    const wanted = this.wanted && !this.stopped;
    this.wanted = false;
    return wanted;
  }

  private async drain(): Promise<void> {
    const context = { brand: '*' };
    while (!this.stopped) {
      const judged = await runInTransaction(this.dataSource, context, (tx) => this.standings.evaluateDue(tx, BATCH));
      if (judged < BATCH) return;
    }
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      (this.clock.known ? this.run() : Promise.resolve())
        .catch((error: unknown) => {
          this.log.warn(error);
        })
        .finally(() => {
          if (!this.stopped) this.schedule();
        });
    }, this.config.dueMs);
    this.timer.unref();
  }
}
