import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InternalRoute } from '#libs/auth';
import { runInTransaction } from '#libs/postgres';
import { PostedBody } from './posted.dto.js';
import { PostedRepository } from './posted.repository.js';
import type { Posted } from './posted.repository.js';

/** Answers settlement's comparison of its lines of commissions and conversions. */
@Controller('internal/v1/posted')
export class PostedController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: PostedRepository,
  ) {}

  @Post()
  @HttpCode(200)
  @InternalRoute('settlement')
  posted(@Body() { from = null, to = null, postings = null }: PostedBody): Promise<Posted> {
    const ids = postings?.map(({ postingId }) => postingId) ?? null;
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.of(tx, { from, to, ids }));
  }
}
