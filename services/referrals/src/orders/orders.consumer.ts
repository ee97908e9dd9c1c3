import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { TOPICS } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import { factOf } from './order-fact.js';
import { OrderEventsService } from './order-events.service.js';
import type { ToldFact } from './order-events.service.js';

@Controller()
export class OrdersConsumer {
  constructor(private readonly orders: OrderEventsService) {}

  @OnEvents(TOPICS.orders, { group: 'referrals.orders', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const told = batch.events.flatMap(({ id, body, record }): ToldFact[] => {
      const fact = body === null ? null : factOf(body);
      return fact === null || body === null || record.value === null
        ? []
        : [{ fact, eventId: id, type: body.$typeName, body: record.value }];
    });
    if (told.length > 0) await this.orders.handle(batch.tx, told);
  }
}
