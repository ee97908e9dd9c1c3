import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { Due, DueItems } from '#libs/http';
import { AllianceClock } from '#libs/kernel';
import { DaysService } from '../days/days.service.js';
import { ToldEarnings } from '../earnings/told.service.js';
import { CommissionsService } from './commissions.service.js';
import { WaitingService } from './waiting.service.js';

const PAUSE_MS = 5_000;

/** Does what time alone makes due: holds end, patience with late events, and days. */
@Injectable()
export class DueWork implements Due, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(DueWork.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private stopped = false;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly clock: AllianceClock,
    private readonly commissions: CommissionsService,
    private readonly waiting: WaitingService,
    private readonly days: DaysService,
    private readonly told: ToldEarnings,
  ) {}

  onApplicationBootstrap(): void {
    this.unsubscribe = this.clock.onChange(() => this.schedule(0));
    this.schedule(PAUSE_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.unsubscribe?.();
    await this.running;
  }

  async due(): Promise<DueItems[]> {
    return [{ work: 'commissions', items: await this.commissions.countDue() }];
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.run().finally(() => {
        this.running = null;
        this.schedule(PAUSE_MS);
      });
    }, ms);
  }

  private async run(): Promise<void> {
    if (!this.clock.known) return;
    try {
      await this.commissions.releaseDue();
      await this.waiting.giveUp();
      await this.days.close();
      await this.days.retry();
      await this.told.tell();
    } catch (error) {
      this.log.warn(error);
    }
  }
}
