import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { PostingRecordedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { EntriesService } from './entries.service.js';
import { postingFact } from './posting-event.js';
import type { PostingFact } from './posting-fact.js';

@Controller()
export class EntriesConsumer {
  constructor(private readonly entries: EntriesService) {}

  @OnEvents(TOPICS.postings, { group: 'settlement.ledger', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const facts: PostingFact[] = [];
    for (const event of batch.events) {
      if (!event.is(PostingRecordedSchema)) continue;
      const fact = postingFact(event.body);
      if (fact !== null) facts.push(fact);
    }
    if (facts.length > 0) await this.entries.record(batch.tx, facts);
  }
}
