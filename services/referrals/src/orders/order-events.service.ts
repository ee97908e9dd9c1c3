import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { endState, holdUntil, reduced, takeBack } from '../commissions/commission.js';
import type { Commission } from '../commissions/commission.js';
import { EarningsService } from '../earnings/earnings.service.js';
import { PostingsService } from '../postings/postings.service.js';
import { NewCommissionsService } from './new-commissions.service.js';
import type { OrderFact, SaleDelivery, SaleReturn } from './order-fact.js';
import { OrdersRepository } from './orders.repository.js';
import { WaitingRepository } from './waiting.repository.js';

export interface ToldFact {
  readonly fact: OrderFact;
  readonly eventId: string;
  readonly type: string;
  readonly body: Uint8Array;
}

/** Applies orders, deliveries and returns to commissions. Repeated facts change nothing. */
@Injectable()
export class OrderEventsService {
  constructor(
    private readonly repository: OrdersRepository,
    private readonly waiting: WaitingRepository,
    private readonly newCommissions: NewCommissionsService,
    private readonly postings: PostingsService,
    private readonly earnings: EarningsService,
  ) {}

  /** Handles facts in their order of arrival; consecutive orders are handled as one batch. */
  async handle(tx: EntityManager, told: readonly ToldFact[], final = false): Promise<void> {
    let rest = told;
    while (rest.length > 0) {
      const recorded = rest[0]?.fact.kind === 'recorded';
      const end = rest.findIndex(({ fact }) => (fact.kind === 'recorded') !== recorded);
      const run = end === -1 ? rest : rest.slice(0, end);
      if (recorded) await this.record(tx, run, final);
      else await this.followUp(tx, run);
      rest = rest.slice(run.length);
    }
  }

  private async record(tx: EntityManager, run: readonly ToldFact[], final: boolean): Promise<void> {
    const sales = run.flatMap(({ fact }) => (fact.kind === 'recorded' ? [fact] : []));
    const { commissions, waiting } = await this.newCommissions.of(tx, sales, final);
    if (waiting.length > 0) await this.queue(tx, run, new Set(waiting.map(({ orderId }) => orderId)));
    if (commissions.length === 0) return;
    const fresh = await this.fresh(tx, commissions);
    if (fresh.length === 0) return;
    await this.repository.insert(tx, fresh);
    await this.postings.open(
      tx,
      fresh.filter(({ state }) => state !== 'duplicate'),
    );
  }

  /** Leaves out known orders. An order whose brand id is taken by another order is kept as a duplicate that earns nothing. */
  private async fresh(tx: EntityManager, commissions: readonly Commission[]): Promise<Commission[]> {
    const known = await this.repository.known(
      tx,
      commissions.map(({ orderId, brand, orderExternalId }) => ({ orderId, brand, externalId: orderExternalId })),
    );
    const orders = new Set(known.map(({ orderId }) => orderId));
    const keys = new Set(known.map(({ key }) => key));
    return commissions.flatMap((commission): Commission[] => {
      const key = `${commission.brand} ${commission.orderExternalId}`;
      if (orders.has(commission.orderId)) return [];
      orders.add(commission.orderId);
      if (keys.has(key)) return [{ ...commission, state: 'duplicate', reason: 'order_known', shares: [] }];
      keys.add(key);
      return [commission];
    });
  }

  private async followUp(tx: EntityManager, run: readonly ToldFact[]): Promise<void> {
    const orderIds = [...new Set(run.map(({ fact }) => fact.orderId))];
    // in this order: an order that stops waiting meanwhile is then found among the commissions
    const waiting = await this.waiting.ordersAmong(tx, orderIds);
    const commissions = await this.repository.lockByOrder(tx, orderIds);
    const early = new Set([...waiting].filter((id) => !commissions.has(id)));
    if (early.size > 0) await this.queue(tx, run, early);
    for (const { fact } of run) {
      const commission = commissions.get(fact.orderId);
      if (commission === undefined || fact.kind === 'recorded' || commission.state === 'duplicate') continue;
      commissions.set(
        fact.orderId,
        fact.kind === 'returned' ? await this.giveBack(tx, commission, fact) : await this.receive(tx, commission, fact),
      );
    }
  }

  private async giveBack(tx: EntityManager, commission: Commission, fact: SaleReturn): Promise<Commission> {
    const { lines, taken } = takeBack(commission.lines, fact.lines);
    if (!(await this.repository.addReturn(tx, fact.returnId, commission, taken.base + taken.rest))) return commission;
    if (taken.base + taken.rest === 0n) return commission;
    const remaining = commission.remaining - taken.base;
    const restRemaining = commission.restRemaining - taken.rest;
    const left = { ...commission, lines, remaining, restRemaining };
    const after = reduced(left);
    if (commission.state !== 'cancelled') {
      // undo takings first, so that no share ever has more taken than held
      const held = new Map(after.shares.map((share) => [share.party, share.held]));
      await this.earnings.clawedBack(tx, after.id, held, fact.postedAt);
      await this.postings.reduce(tx, commission, after, fact);
    }
    const ended =
      remaining + restRemaining === 0n && commission.state !== 'cancelled'
        ? { ...after, state: endState(commission), reason: 'returned' }
        : after;
    await this.repository.change(tx, ended);
    return ended;
  }

  private async receive(tx: EntityManager, commission: Commission, fact: SaleDelivery): Promise<Commission> {
    if (commission.receivedAt !== null) return commission;
    const received: Commission = {
      ...commission,
      state: commission.state === 'pending' ? 'held' : commission.state,
      receivedAt: fact.occurredAt,
      holdUntil: holdUntil(fact.occurredAt, fact.postedAt, commission.returnDays),
    };
    await this.repository.change(tx, received);
    return received;
  }

  private async queue(tx: EntityManager, run: readonly ToldFact[], orders: ReadonlySet<string>): Promise<void> {
    await this.waiting.add(
      tx,
      run
        .filter(({ fact }) => orders.has(fact.orderId))
        .map(({ fact, eventId, type, body }) => ({
          walletId: fact.walletId,
          orderId: fact.orderId,
          eventId,
          type,
          body,
        })),
    );
  }
}
