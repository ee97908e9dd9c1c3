import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { AllianceClock } from '#libs/kernel';
import { DaysService } from './days.service.js';

const PAUSE_MS = 60_000;

/** Closes days as they end. */
@Injectable()
export class DueDays implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(DueDays.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private stopped = false;

  constructor(
    private readonly clock: AllianceClock,
    private readonly days: DaysService,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.run().finally(() => {
        this.running = null;
        this.schedule();
      });
    }, PAUSE_MS);
  }

  private async run(): Promise<void> {
    if (!this.clock.known) return;
    try {
      await this.days.close();
    } catch (error) {
      this.log.warn(error);
    }
  }
}
