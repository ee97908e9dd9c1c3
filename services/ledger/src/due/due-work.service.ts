import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { AllianceClock } from '#libs/kernel';

import { CONFIG, MOST_COUNTED } from '#libs/http';
import type { Due, DueItems } from '#libs/http';
import { Jobs } from '#libs/jobs';
import type { Job } from '#libs/jobs';
import { runInTransaction } from '#libs/postgres';
import type { LedgerConfig } from '../ledger.config.js';
import { PostingsService } from '../postings/postings.service.js';
import { DueRepository } from './due.repository.js';

/** Wallets settled by one call. Few, because a caller that needs one of them waits for all. */
const BATCH = 50;

/**
 * Processes what becomes due by time alone in wallets that receive no calls: pending points become spendable, holds expire, lots
 * expire. No spend or read depends on it, because each settles its own wallet first. Several instances may run concurrently: the
 * ledger core skips wallets that another one has locked.
 */
@Injectable()
export class DueWorkService implements Due {
  private readonly log = new Logger(DueWorkService.name);
  readonly job: Job;

  constructor(
    @Inject(CONFIG) config: LedgerConfig,
    jobs: Jobs,
    private readonly clock: AllianceClock,
    private readonly postings: PostingsService,
    private readonly dataSource: DataSource,
    private readonly repository: DueRepository,
  ) {
    this.job = jobs.due(config.sweepMs, DueWorkService.name, async (stopping) => {
      while (!stopping.aborted && (await this.settleSome()));
    });
  }

  due(): Promise<DueItems[]> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.repository.count(tx, this.clock.now(), MOST_COUNTED),
    );
  }

  private async settleSome(): Promise<boolean> {
    const { done, failed } = await this.postings.settleDue(this.clock.now(), BATCH);
    for (const walletId of failed) this.log.error(`due work in wallet ${walletId} cannot be done`);
    return done + failed.length > 0;
  }
}
