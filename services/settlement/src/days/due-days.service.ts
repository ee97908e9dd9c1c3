import { Injectable } from '@nestjs/common';
import { Jobs } from '#libs/jobs';
import type { Job } from '#libs/jobs';
import { AllianceClock } from '#libs/kernel';
import { DaysService } from './days.service.js';

const PAUSE_MS = 60_000;

@Injectable()
export class DueDaysService {
  readonly job: Job;

  constructor(jobs: Jobs, clock: AllianceClock, days: DaysService) {
    this.job = jobs.every(PAUSE_MS, DueDaysService.name, async () => {
      if (clock.known) await days.close();
    });
  }
}
