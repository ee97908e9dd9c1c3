import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { EarningsConvertedSchema, RebateDueSchema, RewardOutcome, RewardSettledSchema, TOPICS } from '#libs/contracts';
import { AllianceClock, uuidFromText } from '#libs/kernel';
import { OnEvents, Outbox } from '#libs/messaging';
import type { EventBatch, ReceivedEvent } from '#libs/messaging';

import { OPERATOR } from '../postings/issuer.js';
import type { Reward } from './reward.js';
import { RewardsService } from './rewards.service.js';

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
      afterDecline: false,
      occurredAt: occurredAt === undefined ? event.time : timestampDate(occurredAt),
    };
  }
  if (event.is(EarningsConvertedSchema)) {
    const { conversionId, reversesConversionId, walletId, points, declined, occurredAt } = event.body;
    return {
      key: conversionId,
      reason: 'earnings_conversion',
      issuer: OPERATOR,
      walletId,
      points,
      purpose: walletId,
      undoes: reversesConversionId === '' ? null : reversesConversionId,
      afterDecline: declined,
      occurredAt: occurredAt === undefined ? event.time : timestampDate(occurredAt),
    };
  }
  return null;
}

type Answer = MessageInitShape<typeof RewardSettledSchema> & { key: string; walletId: string };

/**
 * Posts the points that referrals decided on, and reports the result of converted earnings to it. Wallets run in parallel, each
 * wallet's rewards in order.
 */
@Controller()
export class RewardsConsumer {
  constructor(
    private readonly rewards: RewardsService,
    private readonly clock: AllianceClock,
    private readonly outbox: Outbox,
  ) {}

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
    const answers = await Promise.all([...byWallet.values()].map((rewards) => this.bookAll(rewards)));
    // in the inbox transaction: after a crash between posting and answer, nothing is posted twice and the answer is still sent
    await this.outbox.addAll(
      batch.tx,
      answers.flat().map((body) => ({
        // derived from the key, so that a recipient can drop repeats
        id: uuidFromText(`reward settled|${body.key}`),
        topic: TOPICS.rewardAnswers,
        key: body.walletId,
        schema: RewardSettledSchema,
        body,
      })),
    );
  }

  private async bookAll(rewards: readonly Reward[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const reward of rewards) {
      const cause = await this.rewards.book(reward);
      // nothing waits for the answer to a rebate
      if (reward.reason === 'earnings_conversion') answers.push(this.answer(reward, cause));
    }
    return answers;
  }

  private answer({ key, walletId }: Reward, cause: string | null): Answer {
    return {
      key,
      walletId,
      outcome: cause === null ? RewardOutcome.POSTED : RewardOutcome.DECLINED,
      reason: cause ?? '',
      settledAt: timestampFromDate(this.clock.now()),
    };
  }
}
