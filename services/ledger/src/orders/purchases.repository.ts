import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { OrderDocument, ReturnedLines } from './order.js';

/** An order as it stands now. */
export interface Purchase {
  id: string;
  brand: string;
  walletId: string;
  memberRef: string;
  store: string | null;
  externalId: string;
  occurredAt: Date;
  currency: string;
  campaign: string | null;
  document: OrderDocument;
  returned: ReturnedLines | null;
  returnVersion: number;
  pointsEarned: bigint;
  pointsReversed: bigint;
}

/** The orders that the ledger core keeps. Row security shows a brand its own alone. */
@Injectable()
export class PurchasesRepository {
  /** Found through the order's key, as that is what is indexed by the brand's own id. */
  async find(tx: EntityManager, brand: string, key: Buffer): Promise<Purchase | null> {
    const rows: Purchase[] = await tx.query(
      `SELECT p.id, p.brand, p.wallet_id AS "walletId", p.member_ref AS "memberRef", p.store, p.external_id AS "externalId",
         p.occurred_at AS "occurredAt", p.currency, p.campaign, p.document, p.returned, p.return_version AS "returnVersion",
         p.points_earned AS "pointsEarned", p.points_reversed AS "pointsReversed"
       FROM operation o JOIN purchase p ON p.id = o.subject_id
       WHERE o.brand = $1 AND o.kind = 'order' AND o.key = $2`,
      [brand, key],
    );
    return rows[0] ?? null;
  }
}
