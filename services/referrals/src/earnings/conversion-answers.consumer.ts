import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { RewardOutcome, RewardSettledSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { EarningsService } from './earnings.service.js';

@Controller()
export class ConversionAnswersConsumer {
  constructor(private readonly earnings: EarningsService) {}

  @OnEvents(TOPICS.rewardAnswers, { group: 'referrals.rewards', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    for (const event of batch.events) {
      if (!event.is(RewardSettledSchema)) continue;
      const { key, outcome, reason, settledAt } = event.body;
      await this.earnings.settled(batch.tx, {
        id: key,
        reason: outcome === RewardOutcome.DECLINED ? reason : null,
        at: settledAt === undefined ? event.time : timestampDate(settledAt),
      });
    }
  }
}
