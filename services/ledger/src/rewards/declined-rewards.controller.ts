import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';

import { OperatorRoute } from '#libs/auth';
import { ApiAnswer, ApiProblems, PageQuery, shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';
import { decodeCursor, fail, formatInstant, pageOf, parseInstant, pointsToJson } from '#libs/kernel';
import type { Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { DeclinedRewardsRepository } from './declined-rewards.repository.js';
import type { DeclinedReward } from './declined-rewards.repository.js';

const OPERATOR = { brand: '*' };
const DECLINED_REWARD = shape.named('DeclinedReward', {
  // id of the entry that decided on the reward
  key: shape.text,
  issuer: shape.text,
  reason: shape.text,
  points: shape.points,
  // a code of the error catalogue
  cause: shape.text,
  occurredAt: shape.instant,
  declinedAt: shape.instant,
});
type DeclinedRewardView = AnswerOf<typeof DECLINED_REWARD>;
const EXAMPLE = {
  key: '01981d2c-5b1e-7c3a-9d55-0c7e5a3f1b20',
  issuer: 'aurora',
  reason: 'referral_rebate',
  points: 120,
  cause: 'role_missing',
  occurredAt: '2026-03-02T00:00:00Z',
  declinedAt: '2026-03-02T00:00:05Z',
};

@ApiTags('operator')
@Controller('v1/operator/declined-rewards')
export class DeclinedRewardsController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: DeclinedRewardsRepository,
  ) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, shape.page(DECLINED_REWARD), {
    description: 'In the order in which they were declined. Negative points would have been taken back.',
    example: { data: [EXAMPLE], page: { after: null, more: false } },
  })
  @ApiOperation({
    summary:
      'List declined rewards: the brand that owes them never had a contract, they exceeded what it gives without a second person, or the wallet was full.',
  })
  @ApiProblems('cursor_invalid', 'unavailable')
  async list(@Query() { after, limit }: PageQuery): Promise<Page<DeclinedRewardView>> {
    const place = after === undefined ? null : placeOf(decodeCursor(after, 2));
    const rows = await runInTransaction(this.dataSource, OPERATOR, (tx) => this.repository.page(tx, place, limit + 1));
    const page = pageOf(rows, limit, ({ declinedAt, id }) => [declinedAt.toISOString(), id]);
    return { ...page, data: page.data.map(view) };
  }
}

function placeOf([declinedAt, id]: readonly unknown[]): [Date, string] {
  return [parseInstant(String(declinedAt)) ?? fail('cursor_invalid'), String(id)];
}

function view({ key, issuer, reason, points, cause, occurredAt, declinedAt }: DeclinedReward): DeclinedRewardView {
  return {
    key,
    issuer,
    reason,
    points: pointsToJson(points),
    cause,
    occurredAt: formatInstant(occurredAt),
    declinedAt: formatInstant(declinedAt),
  };
}
