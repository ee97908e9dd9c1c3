import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { TierChangedSchema, TOPICS } from '#libs/contracts';
import { Decimal } from '#libs/kernel';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';

import { MemberTiers } from './member-tiers.service.js';
import type { MemberTier } from './tier.js';
import { TiersRepository } from './tiers.repository.js';

/** Keeps the ledger's copy of members' ranks. */
@Controller()
export class TiersConsumer {
  constructor(
    private readonly repository: TiersRepository,
    private readonly tiers: MemberTiers,
  ) {}

  @OnEvents(TOPICS.tiers, { group: 'ledger.tiers', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const changed: MemberTier[] = [];
    for (const event of batch.events) {
      if (!event.is(TierChangedSchema)) continue;
      const { walletId, rank, tier, since, until, earnMultiplier, multiplierFunder, ladderVersion, version } =
        event.body;
      changed.push({
        walletId,
        rank,
        tier,
        since: since === undefined ? null : timestampDate(since),
        until: until === undefined ? null : timestampDate(until),
        // read here, so that what is no number stops with its event and never reaches an order
        multiplier: Decimal.parse(earnMultiplier === '' ? '1' : earnMultiplier).toString(0),
        funder: multiplierFunder === 'operator' ? 'operator' : 'seller',
        ladderVersion,
        version: Number(version),
      });
    }
    if (changed.length === 0) return;
    await this.repository.put(batch.tx, changed);
    batch.afterCommit(() => {
      for (const tier of changed) this.tiers.remember(tier);
    });
  }
}
