import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { instant, SuppressionRecordedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import type { ToldSuppression } from '../vault/suppression.js';
import { LinksService } from './links.service.js';

/**
 * Receives the suppressions that this service published. They change nothing, except in a database restored from an earlier time:
 * there they end the same links again.
 */
@Controller()
export class SuppressionsConsumer {
  constructor(private readonly links: LinksService) {}

  @OnEvents(TOPICS.suppressions, { group: 'crm.suppressions', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const told = batch.events.flatMap((event): ToldSuppression[] => {
      if (!event.is(SuppressionRecordedSchema)) return [];
      const { brand, kind, hashVersion, hash, since, hadPhone, recordedAt } = event.body;
      const times = { since: instant(since, 'since'), recordedAt: instant(recordedAt, 'recorded_at') };
      return [{ brand, kind, hashVersion, hash: Buffer.from(hash), hadPhone, ...times }];
    });
    if (told.length === 0) return;
    const ended = await this.links.suppress(batch.tx, told);
    batch.afterCommit(async () => {
      for (const link of ended) await this.links.announceEnd(link);
    });
  }
}
