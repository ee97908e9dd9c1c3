import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { fail, formatInstant, pointsToJson } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { WireIdsService } from '../ids/wire-ids.service.js';
import { returnedOfLine } from './order.js';
import type { OrderView } from './orders.answers.js';
import { PurchasesRepository } from './purchases.repository.js';
import type { Purchase } from './purchases.repository.js';

@Injectable()
export class PurchasesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: PurchasesRepository,
    private readonly ids: WireIdsService,
  ) {}

  /** @throws DomainError `not_found` */
  async find(brand: string, externalId: string): Promise<Purchase> {
    const purchase = await runInTransaction(this.dataSource, { brand }, (tx) =>
      this.repository.find(tx, brand, externalId),
    );
    return purchase ?? fail('not_found');
  }

  async view(brand: string, externalId: string): Promise<OrderView> {
    const purchase = await this.find(brand, externalId);
    const { document, returned } = purchase;
    return {
      id: this.ids.out('od', purchase.id),
      externalId: purchase.externalId,
      memberRef: purchase.memberRef,
      storeRef: purchase.store,
      occurredAt: formatInstant(purchase.occurredAt),
      currency: purchase.currency,
      campaign: purchase.campaign,
      authorizationId: document.authorizationId === null ? null : this.ids.out('au', document.authorizationId),
      points: {
        earned: pointsToJson(purchase.pointsEarned) - document.pending,
        pending: document.pending,
        availableAt: document.availableAt,
        reversed: pointsToJson(purchase.pointsReversed),
      },
      lines: document.lines.map(({ lineId, sku, category, quantity, net, points }) => {
        const [returnedQuantity, returnedNet] = returnedOfLine(returned, lineId);
        const back = { quantity: returnedQuantity, net: returnedNet };
        return { lineId, sku, category, quantity, net, points, returned: back };
      }),
      trace: document.trace,
    };
  }
}
