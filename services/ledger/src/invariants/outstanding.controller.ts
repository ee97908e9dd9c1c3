import { Controller, Get } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { InternalRoute } from '#libs/auth';
import { AllianceClock, formatInstant } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { OutstandingRepository } from './outstanding.repository.js';

/** Figures with which settlement compares its own. */
@Controller('internal/v1/outstanding')
export class OutstandingController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly repository: OutstandingRepository,
  ) {}

  @Get()
  @InternalRoute('settlement')
  async outstanding(): Promise<{ asOf: string; issuers: { brand: string; points: string }[] }> {
    const issuers = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.byIssuer(tx));
    return {
      asOf: formatInstant(this.clock.now()),
      issuers,
    };
  }
}
