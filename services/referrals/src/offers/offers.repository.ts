import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { PARTIES } from '../splits/split.js';
import type { Shares } from '../splits/split.js';
import type { Offer } from './offer.js';

interface Row {
  id: string;
  brand: string;
  name: string;
  currency: string;
  pool_bp: number;
  split: Record<string, unknown>;
  rule_version: string;
  products: string[];
  categories: string[];
  hosts: string[];
  window_days: number;
  protection_days: number;
  return_days: number;
  budget: bigint | null;
  cap_order: bigint | null;
  cap_beneficiary_day: bigint | null;
  cap_month: bigint | null;
  standing: boolean;
  valid_from: Date;
  valid_to: Date | null;
  withdrawn_at: Date | null;
  created_at: Date;
}

export interface Pickup {
  readonly id: string;
  readonly offerId: string;
  readonly brand: string;
  readonly campaign: string;
  readonly createdAt: Date;
}

@Injectable()
export class OffersRepository {
  async insert(tx: EntityManager, offer: Offer): Promise<void> {
    await tx.query(
      `insert into offer (id, brand, name, pool_bp, split, rule_version, products, categories, hosts, window_days, protection_days,
         return_days, budget, cap_order, cap_beneficiary_day, cap_month, standing, valid_from, valid_to, created_at, currency)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
      [
        offer.id,
        offer.seller,
        offer.name,
        offer.poolBp,
        JSON.stringify(offer.split),
        offer.rule,
        offer.products,
        offer.categories,
        offer.hosts,
        offer.windowDays,
        offer.protectionDays,
        offer.returnDays,
        offer.budget,
        offer.capOrder,
        offer.capBeneficiaryDay,
        offer.capMonth,
        offer.standing,
        offer.validFrom,
        offer.validTo,
        offer.createdAt,
        offer.currency,
      ],
    );
  }

  async byIds(tx: EntityManager, ids: readonly string[]): Promise<Offer[]> {
    const rows: Row[] = await tx.query('select * from offer where id = any($1::uuid[])', [ids]);
    return rows.map(offerOf);
  }

  /** Offers that hold for any order of these sellers, newest last. */
  async standing(tx: EntityManager, sellers: readonly string[]): Promise<Offer[]> {
    const rows: Row[] = await tx.query(
      'select * from offer where standing and brand = any($1) order by created_at, id',
      [sellers],
    );
    return rows.map(offerOf);
  }

  async page(tx: EntityManager, brand: string | null, after: string | null, limit: number): Promise<Offer[]> {
    const rows: Row[] = await tx.query(
      `select * from offer where ($1::text is null or brand = $1) and ($2::uuid is null or id > $2) order by id limit $3`,
      [brand, after, limit],
    );
    return rows.map(offerOf);
  }

  async withdraw(tx: EntityManager, id: string, brand: string, at: Date): Promise<void> {
    await tx.query('update offer set withdrawn_at = $3 where id = $1 and brand = $2 and withdrawn_at is null', [
      id,
      brand,
      at,
    ]);
  }

  async pick(tx: EntityManager, pickup: Pickup): Promise<Pickup> {
    await tx.query(
      `insert into pickup (id, offer_id, brand, campaign, created_at) values ($1, $2, $3, $4, $5)
       on conflict (offer_id, brand, campaign) do nothing`,
      [pickup.id, pickup.offerId, pickup.brand, pickup.campaign, pickup.createdAt],
    );
    const rows: { id: string; created_at: Date }[] = await tx.query(
      'select id, created_at from pickup where offer_id = $1 and brand = $2 and campaign = $3',
      [pickup.offerId, pickup.brand, pickup.campaign],
    );
    const [row] = rows;
    return row === undefined ? pickup : { ...pickup, id: row.id, createdAt: row.created_at };
  }

  async picked(tx: EntityManager, offerId: string, brand: string, campaign: string): Promise<boolean> {
    const rows: unknown[] = await tx.query('select from pickup where offer_id = $1 and brand = $2 and campaign = $3', [
      offerId,
      brand,
      campaign,
    ]);
    return rows.length > 0;
  }

  /** How much has been used under names of `usageScope`, kept from changing until the transaction ends. */
  async lockUsage(tx: EntityManager, scopes: readonly string[]): Promise<Map<string, bigint>> {
    const sorted = [...new Set(scopes)].sort();
    await tx.query(
      'insert into offer_usage (scope) select s from unnest($1::text[]) s order by s on conflict (scope) do nothing',
      [sorted],
    );
    const rows: { scope: string; amount: string }[] = await tx.query(
      'select scope, amount::text as amount from offer_usage where scope = any($1) order by scope for update',
      [sorted],
    );
    return new Map(rows.map((row) => [row.scope, BigInt(row.amount)]));
  }

  async addUsage(tx: EntityManager, added: ReadonlyMap<string, bigint>): Promise<void> {
    await tx.query(
      `update offer_usage u set amount = u.amount + g.amount
         from unnest($1::text[], $2::numeric[]) as g (scope, amount) where u.scope = g.scope`,
      [[...added.keys()], [...added.values()].map(String)],
    );
  }

  async usage(tx: EntityManager, scope: string): Promise<bigint> {
    const rows: { amount: string }[] = await tx.query(
      'select amount::text as amount from offer_usage where scope = $1',
      [scope],
    );
    return BigInt(rows[0]?.amount ?? 0);
  }
}

function offerOf(row: Row): Offer {
  return {
    id: row.id,
    seller: row.brand,
    name: row.name,
    currency: row.currency,
    poolBp: row.pool_bp,
    split: sharesOf(row.split),
    rule: row.rule_version,
    products: row.products,
    categories: row.categories,
    hosts: row.hosts,
    windowDays: row.window_days,
    protectionDays: row.protection_days,
    returnDays: row.return_days,
    budget: row.budget,
    capOrder: row.cap_order,
    capBeneficiaryDay: row.cap_beneficiary_day,
    capMonth: row.cap_month,
    standing: row.standing,
    validFrom: row.valid_from,
    validTo: row.valid_to,
    withdrawnAt: row.withdrawn_at,
    createdAt: row.created_at,
  };
}

function sharesOf(stored: Record<string, unknown>): Shares {
  return Object.fromEntries(
    PARTIES.flatMap((party) => (typeof stored[party] === 'number' ? [[party, stored[party]]] : [])),
  );
}
