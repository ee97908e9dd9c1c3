import { Controller, Get } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InternalRoute } from '#libs/auth';
import { AllianceClock, formatInstant } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { OwedRepository } from './owed.repository.js';

/** Answers settlement's comparison of the amounts owed to persons. */
@Controller('internal/v1/owed')
export class OwedController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly repository: OwedRepository,
  ) {}

  @Get()
  @InternalRoute('settlement')
  async owed(): Promise<{ asOf: string; owed: { currency: string; amount: string }[] }> {
    const owed = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.toPersons(tx));
    return {
      asOf: formatInstant(this.clock.now()),
      owed: owed.map(({ currency, amount }) => ({ currency, amount: amount.toString() })),
    };
  }
}
