import { Injectable } from '@nestjs/common';
import type { Due, DueItems } from '#libs/http';
import { Jobs } from '#libs/jobs';
import { DaysService } from '../days/days.service.js';
import { ToldService } from '../earnings/told.service.js';
import { CommissionsService } from '../commissions/commissions.service.js';
import { WaitingService } from '../orders/waiting.service.js';

const PAUSE_MS = 5_000;

/** Runs work that is due by time: ends of holds, timeouts for late events, and days. */
@Injectable()
export class DueWorkService implements Due {
  constructor(
    jobs: Jobs,
    private readonly commissions: CommissionsService,
    waiting: WaitingService,
    days: DaysService,
    told: ToldService,
  ) {
    jobs.due(PAUSE_MS, DueWorkService.name, async () => {
      await commissions.releaseDue();
      await waiting.giveUp();
      await days.close();
      await days.retry();
      await told.tell();
    });
  }

  async due(): Promise<DueItems[]> {
    return [{ work: 'commissions', items: await this.commissions.countDue() }];
  }
}
