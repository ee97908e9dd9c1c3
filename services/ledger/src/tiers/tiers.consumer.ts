import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { TierChangedSchema, TOPICS, instant } from '#libs/contracts';
import type { TierStep as ToldStep } from '#libs/contracts';
import { Decimal } from '#libs/kernel';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';

import { MemberTiersService } from './member-tiers.service.js';
import type { MemberTier, TierStep } from './tier.js';
import { TiersRepository } from './tiers.repository.js';

/** Maintains the ledger's copy of members' tiers: the newest record of a wallet contains its whole history. */
@Controller()
export class TiersConsumer {
  constructor(
    private readonly repository: TiersRepository,
    private readonly tiers: MemberTiersService,
  ) {}

  @OnEvents(TOPICS.tiers, { group: 'ledger.tiers', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const changed: MemberTier[] = [];
    for (const event of batch.events) {
      if (!event.is(TierChangedSchema)) continue;
      const { walletId, version, steps } = event.body;
      changed.push({ walletId, version: Number(version), steps: steps.map(stepOf) });
    }
    if (changed.length === 0) return;
    await this.repository.put(batch.tx, changed);
    batch.afterCommit(() => {
      for (const tier of changed) this.tiers.remember(tier);
    });
  }
}

function stepOf({ since, rank, tier, earnMultiplier, multiplierFunder, ladderVersion }: ToldStep): TierStep {
  return {
    since: instant(since, 'since').getTime(),
    rank,
    tier,
    // parsed here, so that an invalid number fails with its event and never affects an order
    multiplier: Decimal.parse(earnMultiplier).toString(0),
    funder: multiplierFunder === 'operator' ? 'operator' : 'seller',
    ladderVersion,
  };
}
