import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InternalRoute } from '#libs/auth';
import { runInTransaction } from '#libs/postgres';
import { SpentBody } from './spent.dto.js';
import { SpentRepository } from './spent.repository.js';
import type { Issued, Spent } from './spent.repository.js';

/** Figures with which settlement compares its lines of points. */
@Controller('internal/v1/spent')
export class SpentController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: SpentRepository,
  ) {}

  @Post()
  @HttpCode(200)
  @InternalRoute('settlement')
  async spent(@Body() { from = null, to = null, postings = null }: SpentBody): Promise<{
    spent: Spent[];
    issued: Issued[];
  }> {
    const which = { from, to, postings };
    return runInTransaction(this.dataSource, { brand: '*' }, async (tx) => ({
      spent: await this.repository.spent(tx, which),
      issued: await this.repository.issued(tx, which),
    }));
  }
}
