import { Injectable } from '@nestjs/common';
import { Any } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { OFFERS, PICKUPS } from './offers.tables.js';
import type { Offer, Pickup } from './offers.tables.js';

@Injectable()
export class OffersRepository {
  async insert(tx: EntityManager, offer: Offer): Promise<void> {
    await OFFERS.insert(tx, [offer]);
  }

  byIds(tx: EntityManager, ids: readonly string[]): Promise<Offer[]> {
    return tx.findBy(OFFERS, { id: Any(ids) });
  }

  /** Standing offers of these sellers, which apply to any order, newest last. */
  standing(tx: EntityManager, sellers: readonly string[]): Promise<Offer[]> {
    return OFFERS.query(tx, 'select * from offer where standing and brand = any($1) order by created_at, id', [
      sellers,
    ]);
  }

  page(tx: EntityManager, brand: string | null, after: string | null, limit: number): Promise<Offer[]> {
    return OFFERS.query(
      tx,
      `select * from offer where ($1::text is null or brand = $1) and ($2::uuid is null or id > $2) order by id limit $3`,
      [brand, after, limit],
    );
  }

  async withdraw(tx: EntityManager, id: string, brand: string, at: Date): Promise<void> {
    await tx.query('update offer set withdrawn_at = $3 where id = $1 and brand = $2 and withdrawn_at is null', [
      id,
      brand,
      at,
    ]);
  }

  async pick(tx: EntityManager, pickup: Pickup): Promise<Pickup> {
    await PICKUPS.insert(tx, [pickup], 'on conflict (offer_id, brand, campaign) do nothing');
    const { offerId, brand, campaign } = pickup;
    return (await tx.findOneBy(PICKUPS, { offerId, brand, campaign })) ?? pickup;
  }

  picked(tx: EntityManager, offerId: string, brand: string, campaign: string): Promise<boolean> {
    return tx.existsBy(PICKUPS, { offerId, brand, campaign });
  }

  /** Usage under names of `usageScope`, locked until the transaction ends. */
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
