import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { AllianceClock } from '#libs/kernel';

/** How long answers lie beside those that are written. They are given afterwards too, from the archive. */
const DAYS = 90;
const DAY_MS = 86_400_000;
/** Answers of one transaction. */
const BATCH = 500;
const EVERY_MS = 60_000;

/** Takes answers whose promised time is over out of the way. Keys stay, and so does what a repeat hears. */
@Injectable()
export class AnswersArchive implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(AnswersArchive.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly clock: AllianceClock,
    private readonly dataSource: DataSource,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Moves all that is old by now, in small transactions; answers how many answers. */
  async move(): Promise<number> {
    const before = new Date(this.clock.now().getTime() - DAYS * DAY_MS);
    for (let total = 0; ;) {
      const rows: { moved: number }[] = await this.dataSource.query('select ledger_archive_v1($1, $2) as moved', [
        before,
        BATCH,
      ]);
      const moved = rows[0]?.moved ?? 0;
      total += moved;
      if (moved < BATCH || this.stopped) return total;
    }
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      // by real time the answers of a sandbox that stands in the past would all be old
      this.running = (this.clock.known ? this.move() : Promise.resolve())
        .catch((error: unknown) => {
          this.log.warn(error);
        })
        .finally(() => {
          if (!this.stopped) this.schedule();
        });
    }, EVERY_MS);
    this.timer.unref();
  }
}
