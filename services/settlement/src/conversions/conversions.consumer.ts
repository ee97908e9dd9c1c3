import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { EarningsConvertedSchema, TOPICS, instant } from '#libs/contracts';
import { Decimal, MICRO_SCALE } from '#libs/kernel';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { EntriesService } from '../entries/entries.service.js';
import type { Line } from '../entries/line.js';
import { conversionLine } from './conversion.js';

/** Writes lines for conversions of earnings, in the cycle of their posting. */
@Controller()
export class ConversionsConsumer {
  constructor(private readonly entries: EntriesService) {}

  @OnEvents(TOPICS.rewards, { group: 'settlement.conversions', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const lines: Line[] = [];
    for (const event of batch.events) {
      if (!event.is(EarningsConvertedSchema)) continue;
      const { conversionId, reversesConversionId, walletId, cost, currency, occurredAt } = event.body;
      lines.push(
        conversionLine({
          conversionId,
          reverses: reversesConversionId,
          walletId,
          costMicro: Decimal.parse(cost).toScaled(MICRO_SCALE),
          currency,
          occurredAt: instant(occurredAt, 'occurred_at'),
        }),
      );
    }
    await this.entries.write(batch.tx, lines);
  }
}
