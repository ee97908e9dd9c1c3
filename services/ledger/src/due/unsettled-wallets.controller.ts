import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';

import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { fail, formatInstant } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { DueWorkService } from './due-work.service.js';
import { DueRepository } from './due.repository.js';
import type { UnsettledWallet } from './due.repository.js';

const OPERATOR = { brand: '*' };
/** Most wallets shown: those that have waited longest. */
const SHOWN = 100;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const UNSETTLED = shape.named('UnsettledWallet', {
  walletId: shape.text,
  // the database error
  fault: shape.text,
  tries: shape.whole,
  since: shape.instant,
  retryAt: shape.instant,
});
const LIST = shape.object({ wallets: shape.list(UNSETTLED) });
type Wallets = AnswerOf<typeof LIST>;
const EXAMPLE = {
  walletId: '01981d2c-5b1e-7c3a-9d55-0c7e5a3f1b20',
  fault: '22003 bigint out of range',
  tries: 3,
  since: '2026-03-02T00:00:00Z',
  retryAt: '2026-03-02T00:06:00Z',
};

@ApiTags('operator')
@Controller('v1/operator/unsettled-wallets')
export class UnsettledWalletsController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: DueRepository,
    private readonly due: DueWorkService,
  ) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, LIST, { description: 'The list.', example: { wallets: [EXAMPLE] } })
  @ApiOperation({
    summary: 'List wallets in which due work fails',
    description:
      'The first hundred, longest first. They do not block other wallets and are retried automatically at growing intervals. While there is one, `wallets.can_be_settled` fails.',
  })
  @ApiProblems('unavailable')
  async list(): Promise<Wallets> {
    const rows = await runInTransaction(this.dataSource, OPERATOR, (tx) => this.repository.unsettled(tx, SHOWN));
    return { wallets: rows.map(view) };
  }

  @Post(':walletId/retry')
  @HttpCode(200)
  @OperatorRoute()
  @ApiAnswer(200, LIST, { description: 'The list.', example: { wallets: [] } })
  @ApiOperation({
    summary: 'Retry a wallet now',
    description: 'Answers with what still fails: a wallet no longer in the list is settled.',
  })
  @ApiProblems('not_found', 'unavailable', 'outcome_unknown')
  async retry(@Param('walletId') walletId: string): Promise<Wallets> {
    if (!UUID.test(walletId)) fail('not_found');
    const known = await runInTransaction(this.dataSource, OPERATOR, (tx) => this.repository.retry(tx, walletId));
    if (!known) fail('not_found');
    await this.due.job.run();
    return this.list();
  }
}

function view({ walletId, fault, tries, since, retryAt }: UnsettledWallet): AnswerOf<typeof UNSETTLED> {
  return { walletId, fault, tries, since: formatInstant(since), retryAt: formatInstant(retryAt) };
}
