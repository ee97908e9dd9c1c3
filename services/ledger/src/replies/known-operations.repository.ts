import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { claimKey } from '../posting/claim-key.js';
import type { OperationKind } from '../posting/claim-key.js';
import type { OutcomeRow } from '../posting/item.js';

/** What was asked and answered under business keys, without moving anything. */
@Injectable()
export class KnownOperationsRepository {
  /** The first answer to a key; a conflict where something else was asked under it. */
  async find(
    tx: EntityManager,
    kind: OperationKind,
    brand: string,
    externalId: string,
    requestHash: Buffer,
  ): Promise<OutcomeRow | null> {
    const rows: OutcomeRow[] = await tx.query(
      `SELECT 0 AS n, CASE WHEN a.request_hash <> $3 THEN 'conflict' WHEN a.decline IS NULL THEN 'created' ELSE 'declined' END AS verdict,
         true AS replayed, a.decline, a.decline_limit, a.result::text AS result, a.balance, a.held, a.pending, a.debt,
         a.detail::text AS detail, a.id AS subject_id, a.posting_id, a.posted_at
       FROM claim c JOIN first_answer a ON a.cell = ledger_cell(c.wallet_id) AND a.id = c.operation_id
       WHERE c.cell = ledger_cell($1) AND c.key = $1 AND a.brand = $2`,
      [claimKey(kind, brand, externalId), brand, requestHash],
    );
    return rows[0] ?? null;
  }
}
