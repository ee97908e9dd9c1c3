import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { OrderFact, ReturnFact } from './credits.js';
import { ORDERS, RETURNS } from './credits.tables.js';
import type { NewOrder, NewReturn } from './credits.tables.js';

@Injectable()
export class CreditsRepository {
  async insertOrders(tx: EntityManager, orders: readonly NewOrder[]): Promise<Set<string>> {
    const rows = await ORDERS.insert(tx, orders, 'on conflict (order_id) do nothing returning *');
    return new Set(rows.map((row) => ORDERS.fromRow(row).orderId));
  }

  async insertReturns(tx: EntityManager, returns: readonly NewReturn[]): Promise<Set<string>> {
    const rows = await RETURNS.insert(tx, returns, 'on conflict (return_id) do nothing returning *');
    return new Set(rows.map((row) => RETURNS.fromRow(row).returnId));
  }

  async ordersOf(tx: EntityManager, wallets: readonly string[]): Promise<OrderFact[]> {
    if (wallets.length === 0) return [];
    return ORDERS.query(tx, 'select * from qualifying_order where wallet_id = any($1::text[])', [wallets]);
  }

  async returnsOf(tx: EntityManager, wallets: readonly string[]): Promise<ReturnFact[]> {
    if (wallets.length === 0) return [];
    return RETURNS.query(tx, 'select * from qualifying_return where wallet_id = any($1::text[])', [wallets]);
  }

  async ordersById(tx: EntityManager, ids: readonly string[]): Promise<OrderFact[]> {
    if (ids.length === 0) return [];
    return ORDERS.query(tx, 'select * from qualifying_order where order_id = any($1::text[])', [ids]);
  }

  async returnsOfOrders(tx: EntityManager, ids: readonly string[]): Promise<ReturnFact[]> {
    if (ids.length === 0) return [];
    return RETURNS.query(tx, 'select * from qualifying_return where order_id = any($1::text[])', [ids]);
  }
}
