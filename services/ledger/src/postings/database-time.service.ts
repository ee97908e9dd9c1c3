import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { Jobs } from '#libs/jobs';
import { AllianceClock, monotonicMs, systemNow } from '#libs/kernel';
import { gauge } from '#libs/observability';

const EVERY_MS = 10_000;

const ahead = gauge(
  'hezong_ledger_clock_ahead_seconds',
  'By how much the clock of this machine is ahead of the database.',
  [],
);

/**
 * Keeps the alliance clock in step with the database clock: postings and due times of all instances follow one clock, whatever the
 * machine's clock shows.
 */
@Injectable()
export class DatabaseTimeService implements OnModuleInit {
  constructor(
    jobs: Jobs,
    private readonly clock: AllianceClock,
    private readonly dataSource: DataSource,
  ) {
    jobs.every(EVERY_MS, DatabaseTimeService.name, () => this.compare());
  }

  /** Compares the clocks before anything is posted. */
  async onModuleInit(): Promise<void> {
    await this.compare();
  }

  private async compare(): Promise<void> {
    const began = monotonicMs();
    const [row] = await this.dataSource.query<{ at: Date }[]>('select clock_timestamp() as at');
    const tookMs = monotonicMs() - began;
    if (row === undefined) throw new Error('the database returned no time');
    const aheadMs = Math.round(systemNow().getTime() - row.at.getTime() - tookMs / 2);
    this.clock.correct(aheadMs);
    ahead.set(aheadMs / 1_000);
  }
}
