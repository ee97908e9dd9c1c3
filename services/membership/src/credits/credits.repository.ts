import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { OrderFact, ReturnFact } from './credits.js';

export type NewOrder = OrderFact & { readonly externalId: string };
export type NewReturn = ReturnFact & { readonly brand: string };

interface OrderRow {
  order_id: string;
  wallet_id: string;
  brand: string;
  occurred_at: Date;
  net: bigint;
}

interface ReturnRow {
  return_id: string;
  order_id: string;
  wallet_id: string;
  at: Date;
  net: bigint;
}

const ORDERS = 'select order_id, wallet_id, brand, occurred_at, net from qualifying_order where';
const RETURNS = 'select return_id, order_id, wallet_id, at, net from qualifying_return where';

@Injectable()
export class CreditsRepository {
  /** Ids of those that were not there yet. */
  async insertOrders(tx: EntityManager, orders: readonly NewOrder[]): Promise<Set<string>> {
    if (orders.length === 0) return new Set();
    const rows: { order_id: string }[] = await tx.query(
      `insert into qualifying_order (order_id, wallet_id, brand, external_id, occurred_at, net)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[])
       on conflict (order_id) do nothing returning order_id`,
      [
        orders.map((order) => order.orderId),
        orders.map((order) => order.walletId),
        orders.map((order) => order.brand),
        orders.map((order) => order.externalId),
        orders.map((order) => order.occurredAt.toISOString()),
        orders.map((order) => order.net.toString()),
      ],
    );
    return new Set(rows.map((row) => row.order_id));
  }

  /** Ids of those that were not there yet. */
  async insertReturns(tx: EntityManager, returns: readonly NewReturn[]): Promise<Set<string>> {
    if (returns.length === 0) return new Set();
    const rows: { return_id: string }[] = await tx.query(
      `insert into qualifying_return (return_id, order_id, wallet_id, brand, at, net)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[])
       on conflict (return_id) do nothing returning return_id`,
      [
        returns.map((back) => back.returnId),
        returns.map((back) => back.orderId),
        returns.map((back) => back.walletId),
        returns.map((back) => back.brand),
        returns.map((back) => back.at.toISOString()),
        returns.map((back) => back.net.toString()),
      ],
    );
    return new Set(rows.map((row) => row.return_id));
  }

  async ordersOf(tx: EntityManager, wallets: readonly string[]): Promise<OrderFact[]> {
    if (wallets.length === 0) return [];
    return orders(await tx.query(`${ORDERS} wallet_id = any($1::text[])`, [wallets]));
  }

  async returnsOf(tx: EntityManager, wallets: readonly string[]): Promise<ReturnFact[]> {
    if (wallets.length === 0) return [];
    return returns(await tx.query(`${RETURNS} wallet_id = any($1::text[])`, [wallets]));
  }

  async ordersById(tx: EntityManager, ids: readonly string[]): Promise<OrderFact[]> {
    if (ids.length === 0) return [];
    return orders(await tx.query(`${ORDERS} order_id = any($1::text[])`, [ids]));
  }

  async returnsOfOrders(tx: EntityManager, ids: readonly string[]): Promise<ReturnFact[]> {
    if (ids.length === 0) return [];
    return returns(await tx.query(`${RETURNS} order_id = any($1::text[])`, [ids]));
  }
}

function orders(rows: readonly OrderRow[]): OrderFact[] {
  return rows.map((row) => ({
    orderId: row.order_id,
    walletId: row.wallet_id,
    brand: row.brand,
    occurredAt: row.occurred_at,
    net: row.net,
  }));
}

function returns(rows: readonly ReturnRow[]): ReturnFact[] {
  return rows.map((row) => ({
    returnId: row.return_id,
    orderId: row.order_id,
    walletId: row.wallet_id,
    at: row.at,
    net: row.net,
  }));
}
