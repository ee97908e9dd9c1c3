import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { InsertOf } from '#libs/postgres';
import type { BuyerReach, Decision } from './attribution.js';
import { columnsOf } from './attribution.js';
import { DECISIONS } from './attribution.tables.js';

@Injectable()
export class DecisionsRepository {
  async insert(tx: EntityManager, decisions: readonly InsertOf<typeof DECISIONS>[]): Promise<void> {
    await DECISIONS.insert(tx, decisions, 'on conflict (order_id) do nothing');
  }

  /** Orders with a winner, by buyer. They renew a promoter's protection. */
  won(
    tx: EntityManager,
    reaches: readonly BuyerReach[],
  ): Promise<{ walletId: string; brand: string; owner: string; at: Date }[]> {
    return tx.query(
      `select d.wallet_id as "walletId", d.brand, d.promoter as owner, d.occurred_at as at
         from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) as g (wallet_id, brand, since, until)
         join decision d on d.wallet_id = g.wallet_id and d.brand = g.brand and d.promoter is not null and d.occurred_at between g.since and g.until`,
      columnsOf(reaches),
    );
  }

  async find(tx: EntityManager, orderId: string): Promise<Decision | null> {
    const found = await tx.findOneBy(DECISIONS, { orderId });
    return found && { wonBy: found.wonBy, rule: found.rule, refused: found.document.refused };
  }
}
