import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Ladder } from '../ladders/ladder.js';
import type { History } from '../standings/standing.js';
import { byTime, itemsOf } from './credits.js';
import type { Item, OrderFact, ReturnFact } from './credits.js';
import { CreditsRepository } from './credits.repository.js';
import type { NewOrder, NewReturn } from './credits.tables.js';

/** Facts of one batch that were not known before. */
export interface Fresh {
  readonly orders: ReadonlySet<string>;
  readonly returns: ReadonlySet<string>;
  /** Orders changed by their own record or by a return. */
  readonly touched: readonly string[];
  readonly wallets: readonly string[];
}

/** Facts that count towards ranks: purchases and their returns. */
@Injectable()
export class FactsService {
  constructor(private readonly repository: CreditsRepository) {}

  /** Stores new facts. Repeated facts change nothing. */
  async keep(tx: EntityManager, orders: readonly NewOrder[], returns: readonly NewReturn[]): Promise<Fresh> {
    const newOrders = await this.repository.insertOrders(
      tx,
      unique(orders, (order) => order.orderId),
    );
    const newReturns = await this.repository.insertReturns(
      tx,
      unique(returns, (back) => back.returnId),
    );
    const touching = [
      ...orders.filter((order) => newOrders.has(order.orderId)),
      ...returns.filter((back) => newReturns.has(back.returnId)),
    ];
    return {
      orders: newOrders,
      returns: newReturns,
      touched: [...new Set(touching.map(({ orderId }) => orderId))],
      wallets: [...new Set(touching.map(({ walletId }) => walletId))],
    };
  }

  /** Effects of the new facts alone, by wallet, by effective time. */
  async freshItems(
    tx: EntityManager,
    fresh: Fresh,
    ladders: readonly Ladder[],
    zone: string,
  ): Promise<Map<string, Item[]>> {
    const orders = await this.repository.ordersById(tx, fresh.touched);
    const returns = groupBy(await this.repository.returnsOfOrders(tx, fresh.touched), (back) => back.orderId);
    const items = new Map<string, Item[]>();
    for (const order of orders) {
      const isNew = fresh.orders.has(order.orderId);
      const all = itemsOf(order, returns.get(order.orderId) ?? [], ladders, zone);
      // a return that arrived before its order takes effect together with it
      const mine = all.filter((item) => isNew || fresh.returns.has(item.id));
      items.set(order.walletId, [...(items.get(order.walletId) ?? []), ...mine]);
    }
    for (const list of items.values()) list.sort(byTime);
    return items;
  }

  async histories(tx: EntityManager, wallets: readonly string[]): Promise<Map<string, History>> {
    const orders = groupBy(await this.repository.ordersOf(tx, wallets), (order: OrderFact) => order.walletId);
    const returns = groupBy(await this.repository.returnsOf(tx, wallets), (back: ReturnFact) => back.walletId);
    return new Map(
      wallets.map((wallet) => [wallet, { orders: orders.get(wallet) ?? [], returns: returns.get(wallet) ?? [] }]),
    );
  }
}

function unique<T>(rows: readonly T[], id: (row: T) => string): T[] {
  return [...new Map(rows.map((row) => [id(row), row])).values()];
}

function groupBy<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [row]);
    else group.push(row);
  }
  return groups;
}
