import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { runInTransaction } from '#libs/postgres';
import { factFrom } from './order-fact.js';
import { OrderEventsService } from './order-events.service.js';
import type { ToldFact } from './order-events.service.js';
import { WaitingRepository } from './waiting.repository.js';

/** Every member is bound to a brand from the start, so an event that is this late will not arrive. */
const PATIENCE_S = 60;

/** Orders that arrived before the binding of their buyer. */
@Injectable()
export class WaitingService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly repository: WaitingRepository,
    private readonly orders: OrderEventsService,
  ) {}

  /** Handles the waiting orders of these wallets, once their contributors are known. */
  async resume(tx: EntityManager, walletIds: readonly string[], final = false): Promise<void> {
    const events = await this.repository.take(tx, walletIds);
    const told = events.flatMap(({ eventId, type, body }): ToldFact[] => {
      const fact = factFrom(type, body);
      return fact === null ? [] : [{ fact, eventId, type, body }];
    });
    if (told.length > 0) await this.orders.handle(tx, told, final);
  }

  /** Continues without a contributor if the binding did not arrive. */
  async giveUp(): Promise<void> {
    await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      const wallets = await this.repository.overdue(tx, PATIENCE_S);
      if (wallets.length > 0) await this.resume(tx, wallets, true);
    });
  }
}
