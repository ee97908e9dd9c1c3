import { Injectable } from '@nestjs/common';
import { Jobs } from '#libs/jobs';
import type { Job } from '#libs/jobs';
import { FreezeService } from './freeze.service.js';

const PAUSE_MS = 5_000;

/** Continues freezes that no call is waiting for. */
@Injectable()
export class DueFreezesService {
  readonly job: Job;

  constructor(jobs: Jobs, freezes: FreezeService) {
    this.job = jobs.every(PAUSE_MS, DueFreezesService.name, async (stopping) => {
      for (const cycle of await freezes.unfinished()) {
        while (!stopping.aborted && !(await freezes.step(cycle)));
      }
    });
  }
}
