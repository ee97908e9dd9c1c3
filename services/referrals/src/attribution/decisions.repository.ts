import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { BuyerReach, ClaimKind, Decision, RefusedClaim } from './attribution.js';
import { columnsOf } from './attribution.js';

export interface StoredDecision {
  readonly orderId: string;
  readonly brand: string;
  readonly walletId: string;
  readonly occurredAt: Date;
  readonly rule: string;
  readonly wonBy: ClaimKind;
  readonly promoter: string | null;
  readonly linkId: string | null;
  readonly offerId: string | null;
  readonly refused: readonly RefusedClaim[];
}

@Injectable()
export class DecisionsRepository {
  async insert(tx: EntityManager, decisions: readonly StoredDecision[]): Promise<void> {
    await tx.query(
      `insert into decision (order_id, brand, wallet_id, occurred_at, rule_version, won_by, promoter, link_id, offer_id, document)
       select * from jsonb_to_recordset($1::jsonb) as d (order_id text, brand text, wallet_id text, occurred_at timestamptz,
         rule_version text, won_by text, promoter text, link_id uuid, offer_id uuid, document jsonb)
       on conflict (order_id) do nothing`,
      [
        JSON.stringify(
          decisions.map((d) => ({
            order_id: d.orderId,
            brand: d.brand,
            wallet_id: d.walletId,
            occurred_at: d.occurredAt,
            rule_version: d.rule,
            won_by: d.wonBy,
            promoter: d.promoter,
            link_id: d.linkId,
            offer_id: d.offerId,
            document: { refused: d.refused },
          })),
        ),
      ],
    );
  }

  /** Orders that somebody won, by buyer: they renew a promoter's protection. */
  async won(
    tx: EntityManager,
    reaches: readonly BuyerReach[],
  ): Promise<{ walletId: string; brand: string; owner: string; at: Date }[]> {
    const rows: { wallet_id: string; brand: string; promoter: string; occurred_at: Date }[] = await tx.query(
      `select d.wallet_id, d.brand, d.promoter, d.occurred_at from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) as g (wallet_id, brand, since, until)
         join decision d on d.wallet_id = g.wallet_id and d.brand = g.brand and d.promoter is not null and d.occurred_at between g.since and g.until`,
      columnsOf(reaches),
    );
    return rows.map((row) => ({ walletId: row.wallet_id, brand: row.brand, owner: row.promoter, at: row.occurred_at }));
  }

  async find(tx: EntityManager, orderId: string): Promise<Decision | null> {
    const rows: { won_by: Decision['wonBy']; rule_version: string; document: { refused: RefusedClaim[] } }[] =
      await tx.query('select won_by, rule_version, document from decision where order_id = $1', [orderId]);
    const [row] = rows;
    return row === undefined ? null : { wonBy: row.won_by, rule: row.rule_version, refused: row.document.refused };
  }
}
