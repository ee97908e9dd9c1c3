import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { FreezeService } from './freeze.service.js';

const PAUSE_MS = 5_000;

/** Goes on with freezes that nobody waits for any more. */
@Injectable()
export class DueFreezes implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(DueFreezes.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private stopped = false;

  constructor(private readonly freezes: FreezeService) {}

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
    try {
      for (const cycle of await this.freezes.unfinished()) {
        while (!this.stopped && !(await this.freezes.step(cycle)));
      }
    } catch (error) {
      this.log.warn(error);
    }
  }
}
