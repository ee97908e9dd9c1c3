import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { BrandChangedSchema, TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { snapshotFromEvent } from './brand-event.js';
import { BrandDirectory } from './brand-directory.js';
import { joinPart } from './brand-directory.repository.js';

/** Consumer of brand events in a service's own group; one class per group, because the decorator names the group. */
export function brandsConsumer(group: string): Type<unknown> {
  @Controller()
  class BrandsConsumer {
    constructor(private readonly directory: BrandDirectory) {}

    @OnEvents(TOPICS.brands, { group, ordered: true })
    async handle(@Payload() batch: EventBatch): Promise<void> {
      for (const event of batch.events) {
        if (!event.is(BrandChangedSchema)) continue;
        const { part, parts } = event.body;
        const snapshot = await joinPart(batch.tx, snapshotFromEvent(event.body), part, parts);
        if (snapshot === null) continue;
        await this.directory.applyIn(batch.tx, snapshot);
        batch.afterCommit(() => this.directory.remember(snapshot));
      }
    }
  }
  return BrandsConsumer;
}
