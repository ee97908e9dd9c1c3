import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { CONFIG } from '#libs/http';
import { OrderRecordedSchema, OrderReturnedSchema, TOPICS, instant } from '#libs/contracts';
import { OnEvents } from '#libs/messaging';
import type { EventBatch } from '#libs/messaging';
import type { MembershipConfig } from '../membership.config.js';
import { StandingsService } from '../standings/standings.service.js';
import type { NewOrder, NewReturn } from './credits.tables.js';
import { FactsService } from './facts.service.js';

function sum(lines: readonly { readonly net: bigint }[]): bigint {
  return lines.reduce((total, { net }) => total + net, 0n);
}

/**
 * Receives the ledger's orders in batches and judges only the wallets they affect. An order in another currency than the
 * alliance's does not count: a ladder's thresholds are minor units of the alliance's currency, and there is no conversion.
 */
@Controller()
export class OrdersConsumer {
  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly facts: FactsService,
    private readonly standings: StandingsService,
  ) {}

  @OnEvents(TOPICS.orders, { group: 'membership.orders', ordered: true })
  async handle(@Payload() batch: EventBatch): Promise<void> {
    const orders: NewOrder[] = [];
    const returns: NewReturn[] = [];
    for (const event of batch.events) {
      if (event.is(OrderRecordedSchema)) {
        const { orderId, externalId, walletId, brand, occurredAt, currency, lines } = event.body;
        orders.push({
          orderId,
          externalId,
          walletId,
          brand,
          occurredAt: instant(occurredAt, 'occurred_at'),
          net: currency === this.config.allianceCurrency ? sum(lines) : 0n,
        });
      } else if (event.is(OrderReturnedSchema)) {
        const { returnId, orderId, walletId, brand, postedAt, lines } = event.body;
        returns.push({ returnId, orderId, walletId, brand, at: instant(postedAt, 'posted_at'), net: sum(lines) });
      }
    }
    const fresh = await this.facts.keep(batch.tx, orders, returns);
    if (fresh.wallets.length > 0) await this.standings.evaluate(batch.tx, fresh.wallets, fresh);
  }
}
