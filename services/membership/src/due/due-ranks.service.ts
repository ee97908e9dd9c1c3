import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, MOST_COUNTED } from '#libs/http';
import type { Due, DueItems } from '#libs/http';
import { Jobs } from '#libs/jobs';
import type { Job } from '#libs/jobs';
import { runInTransaction } from '#libs/postgres';
import type { MembershipConfig } from '../membership.config.js';
import { StandingsService } from '../standings/standings.service.js';

const BATCH = 500;

/**
 * Judges wallets that are due by time: ends of periods, grants and ladders. Judges all wallets again when the rules change.
 * Several instances may run at the same time.
 */
@Injectable()
export class DueRanksService implements Due {
  readonly job: Job;

  constructor(
    @Inject(CONFIG) config: MembershipConfig,
    jobs: Jobs,
    private readonly dataSource: DataSource,
    private readonly standings: StandingsService,
  ) {
    this.job = jobs.due(config.dueMs, DueRanksService.name, (stopping) => this.judge(stopping));
  }

  async due(): Promise<DueItems[]> {
    const items = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.standings.countDue(tx, MOST_COUNTED),
    );
    return [{ work: 'ranks', items }];
  }

  private async judge(stopping: AbortSignal): Promise<void> {
    for (let judged = BATCH; judged === BATCH && !stopping.aborted;) {
      judged = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.standings.evaluateDue(tx, BATCH));
    }
  }
}
