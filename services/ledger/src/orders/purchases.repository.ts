import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { claimKey } from '../postings/claim-key.js';
import type { OrderDocument, ReturnedLines } from './order.js';

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

/** The orders of the ledger core. Row security shows a brand only its own. */
@Injectable()
export class PurchasesRepository {
  /** Finds an order through its key, because only keys are indexed by the brand's own id. */
  async find(tx: EntityManager, brand: string, externalId: string): Promise<Purchase | null> {
    const rows: Purchase[] = await tx.query(
      `select p.id, p.brand, p.wallet_id as "walletId", p.member_ref as "memberRef", p.store, p.external_id as "externalId",
         p.occurred_at as "occurredAt", p.currency, p.campaign, p.document, p.returned, p.return_version as "returnVersion",
         p.points_earned as "pointsEarned", p.points_reversed as "pointsReversed"
       from claim c join purchase p on p.cell = ledger_cell(c.wallet_id) and p.id = c.operation_id
       where c.cell = ledger_cell($1) and c.key = $1 and p.brand = $2`,
      [claimKey('order', brand, externalId), brand],
    );
    return rows[0] ?? null;
  }
}
