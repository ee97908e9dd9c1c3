import { Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { AllianceClock } from '#libs/kernel';
import { gauge } from '#libs/observability';
import { Retention, runInTransaction } from '#libs/postgres';

/** How long answers stay in the active tables. Later they are read from the archive. */
const DAYS = 90;
const DAY_MS = 86_400_000;
const BATCH = 500;

const behind = gauge(
  'hezong_ledger_archive_behind_seconds',
  'By how much the oldest answer exceeds its time before archiving.',
  [],
);

/** Archives answers older than the guaranteed time. Keys remain, and repeats still get the same answer. */
@Injectable()
export class AnswersArchiveService implements OnModuleInit {
  constructor(
    private readonly clock: AllianceClock,
    private readonly dataSource: DataSource,
    private readonly retention: Retention,
  ) {}

  onModuleInit(): void {
    this.retention.trim({
      name: 'operation',
      // waits for the alliance clock: by real time, all answers of a sandbox whose clock is in the past would be old
      trim: () => (this.clock.known ? this.moveSome() : Promise.resolve(0)),
    });
  }

  /** Archives all old answers in small transactions; returns how many. */
  async move(): Promise<number> {
    for (let total = 0; ;) {
      const moved = await this.moveSome();
      if (moved === 0) return total;
      total += moved;
    }
  }

  private async moveSome(): Promise<number> {
    const before = new Date(this.clock.now().getTime() - DAYS * DAY_MS);
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const [done] = await tx.query<{ moved: number }[]>('select ledger_archive_v1($1, $2) as moved', [before, BATCH]);
      const [oldest] = await tx.query<{ seconds: number | null }[]>(
        'select extract(epoch from $1 - posted_at)::float as seconds from operation order by posted_at limit 1',
        [before],
      );
      behind.set(Math.max(0, oldest?.seconds ?? 0));
      return done?.moved ?? 0;
    });
  }
}
