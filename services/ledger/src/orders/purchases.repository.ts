import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { claimKey } from '../posting/claim-key.js';
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
  /** Found through the order's key, as only keys are looked up by the brand's own id. */
  async find(tx: EntityManager, brand: string, externalId: string): Promise<Purchase | null> {
    const rows: Purchase[] = await tx.query(
      `SELECT p.id, p.brand, p.wallet_id AS "walletId", p.member_ref AS "memberRef", p.store, p.external_id AS "externalId",
         p.occurred_at AS "occurredAt", p.currency, p.campaign, p.document, p.returned, p.return_version AS "returnVersion",
         p.points_earned AS "pointsEarned", p.points_reversed AS "pointsReversed"
       FROM claim c JOIN purchase p ON p.cell = ledger_cell(c.wallet_id) AND p.id = c.operation_id
       WHERE c.cell = ledger_cell($1) AND c.key = $1 AND p.brand = $2`,
      [claimKey('order', brand, externalId), brand],
    );
    return rows[0] ?? null;
  }
}
