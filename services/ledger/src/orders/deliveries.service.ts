import { Inject, Injectable } from '@nestjs/common';

import { earliestReport, MemberLinks } from '#libs/directory';
import { CONFIG } from '#libs/http';
import type { Reply } from '#libs/http';
import { AllianceClock, formatInstant, pointsToJson, requestHash, uuidv7For } from '#libs/kernel';

import { toldOf } from '../links/wallet-told.js';
import { WireIdsService } from '../ids/wire-ids.service.js';
import type { LedgerConfig } from '../ledger.config.js';
import { PostingsService } from '../postings/postings.service.js';
import { KnownOperationsService } from '../replies/known-operations.service.js';
import { replyTo, walletOf } from '../replies/reply.js';
import { checkFacts, TradingService } from '../trading/trading.service.js';
import { freedBy } from './delivery.js';
import type { OrderDelivery } from './delivery.js';
import type { DeliveryAnswer } from './orders.answers.js';
import { PurchasesService } from './purchases.service.js';

/** Records the delivery of an order: points that waited for it become spendable. */
@Injectable()
export class DeliveriesService {
  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly clock: AllianceClock,
    private readonly trading: TradingService,
    private readonly purchases: PurchasesService,
    private readonly links: MemberLinks,
    private readonly postings: PostingsService,
    private readonly known: KnownOperationsService,
    private readonly ids: WireIdsService,
  ) {}

  async accept(
    brand: string,
    orderExternalId: string,
    delivery: OrderDelivery,
    transportKey: string | undefined,
  ): Promise<Reply<DeliveryAnswer>> {
    const content = requestHash(['delivery', orderExternalId, delivery]);
    const { externalId, occurredAt } = delivery;
    const asked = {
      kind: 'delivery' as const,
      brand,
      externalId,
      transportKey: transportKey ?? null,
      requestHash: () => content,
    };
    const outcome = await this.known.orFirstAnswer(asked, async () => {
      const now = this.clock.now();
      const seller = await this.trading.redeeming(brand);
      const purchase = await this.purchases.find(brand, orderExternalId);
      checkFacts(seller, { occurredAt, follows: purchase.occurredAt }, now);
      return this.postings.deliver({
        id: uuidv7For(purchase.walletId),
        purchaseId: purchase.id,
        brand,
        externalId,
        requestHash: content,
        transportKey: transportKey ?? null,
        result: await toldOf(this.links, purchase),
        walletId: purchase.walletId,
        occurredAt,
        postedAt: now,
        ...freedBy(occurredAt, purchase.occurredAt, earliestReport(seller, now), now, this.config.zone),
        zone: this.config.zone,
      });
    });
    return replyTo(outcome, 201, () => ({
      id: this.ids.out('dl', outcome.subjectId),
      externalId,
      occurredAt: formatInstant(occurredAt),
      points: {
        released: pointsToJson(outcome.detail.points ?? 0n),
        expired: pointsToJson(outcome.detail.expired ?? 0n),
      },
      wallet: walletOf(outcome, ({ available }) => ({ available: pointsToJson(available) })),
    }));
  }
}
