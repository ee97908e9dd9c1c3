import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { EarningsConvertedSchema, RebateDueSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch, ReceivedEvent } from '#libs/messaging';

import { OPERATOR } from '../posting/issuer.js';
import type { Reward } from './reward.js';
import { Rewards } from './rewards.service.js';

function rewardOf(event: ReceivedEvent): Reward | null {
  if (event.is(RebateDueSchema)) {
    const { entryId, orderId, seller, walletId, points, occurredAt } = event.body;
    return {
      key: entryId,
      reason: 'referral_rebate',
      issuer: seller,
      walletId,
      points,
      purpose: orderId,
      undoes: null,
      occurredAt: occurredAt === undefined ? event.time : timestampDate(occurredAt),
    };
  }
  if (event.is(EarningsConvertedSchema)) {
    const { conversionId, reversesConversionId, walletId, points, occurredAt } = event.body;
    return {
      key: conversionId,
      reason: 'earnings_conversion',
      issuer: OPERATOR,
      walletId,
      points,
      purpose: walletId,
      undoes: reversesConversionId === '' ? null : reversesConversionId,
      occurredAt: occurredAt === undefined ? event.time : timestampDate(occurredAt),
    };
  }
  return null;
}

/** Books the points that referrals decided on. Wallets side by side, each wallet's own in order. */
@Controller()
export class RewardsConsumer {
  constructor(private readonly rewards: Rewards) {}

  @OnEvents(TOPICS.rewards, { group: 'ledger.rewards', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const byWallet = new Map<string, Reward[]>();
    for (const event of batch.events) {
      const reward = rewardOf(event);
      if (reward === null) continue;
      const list = byWallet.get(reward.walletId) ?? [];
      list.push(reward);
      byWallet.set(reward.walletId, list);
    }
    await Promise.all([...byWallet.values()].map((rewards) => this.bookAll(rewards)));
  }

  private async bookAll(rewards: readonly Reward[]): Promise<void> {
    for (const reward of rewards) await this.rewards.book(reward);
  }
}
