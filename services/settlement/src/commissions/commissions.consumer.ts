import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { CommissionPostedSchema, TOPICS, instant } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';

import { EntriesService } from '../entries/entries.service.js';
import type { Line } from '../entries/line.js';
import { commissionLines } from './commission.js';
import type { CommissionFact } from './commission.js';

/** Writes lines for commissions posted by referrals, in the cycle of their posting. */
@Controller()
export class CommissionsConsumer {
  constructor(private readonly entries: EntriesService) {}

  @OnEvents(TOPICS.commissions, { group: 'settlement.commissions', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const facts: CommissionFact[] = [];
    for (const event of batch.events) {
      if (!event.is(CommissionPostedSchema)) continue;
      const { body } = event;
      facts.push({
        ...body,
        occurredAt: instant(body.occurredAt, 'occurred_at'),
        postedAt: instant(body.postedAt, 'posted_at'),
      });
    }
    if (facts.length === 0) return;
    const reversed = facts
      .flatMap(({ legs }) => legs.map(({ reversesLegId }) => reversesLegId))
      .filter((id) => id !== '');
    const lineOfLeg = await this.entries.ofLegs(batch.tx, reversed);
    const lines: Line[] = [];
    for (const fact of facts) {
      for (const line of commissionLines(fact, lineOfLeg)) {
        lines.push(line);
        // a refund may follow its order within the same batch
        lineOfLeg.set(line.lotId, line.id);
      }
    }
    await this.entries.write(batch.tx, lines);
  }
}
