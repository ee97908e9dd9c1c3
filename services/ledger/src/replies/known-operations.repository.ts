import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { claimKey } from '../posting/claim-key.js';
import type { OperationKind } from '../posting/claim-key.js';
import type { OutcomeRow } from '../posting/item.js';

/** What was asked and answered under business keys, without moving anything. */
@Injectable()
export class KnownOperationsRepository {
  /** The first answer to a key; a conflict where something else was asked under it, or under the `Idempotency-Key` that came with it. */
  async find(
    tx: EntityManager,
    kind: OperationKind,
    brand: string,
    externalId: string,
    transportKey: string | null,
    requestHash: Buffer,
  ): Promise<OutcomeRow | null> {
    const rows: OutcomeRow[] = await tx.query(
      `SELECT 0 AS n, CASE WHEN a.request_hash IS DISTINCT FROM $3 OR t.operation_id <> c.operation_id THEN 'conflict'
           WHEN a.decline IS NULL THEN 'created' ELSE 'declined' END AS verdict,
         true AS replayed, a.decline, a.decline_limit, a.result::text AS result, a.balance, a.held, a.pending, a.debt,
         a.detail::text AS detail, a.id AS subject_id, a.posting_id, a.posted_at
       FROM (SELECT $1::uuid AS key, $4::uuid AS transport_key) k
       LEFT JOIN LATERAL (SELECT * FROM claim WHERE cell = ledger_cell(k.key) AND key = k.key OFFSET 0) c ON true
       LEFT JOIN LATERAL (SELECT * FROM claim WHERE cell = ledger_cell(k.transport_key) AND key = k.transport_key OFFSET 0) t ON true
       LEFT JOIN LATERAL (SELECT * FROM first_answer WHERE cell = ledger_cell(c.wallet_id) AND id = c.operation_id AND brand = $2 OFFSET 0) a ON true
       WHERE c.key IS NOT NULL OR t.key IS NOT NULL`,
      [
        claimKey(kind, brand, externalId),
        brand,
        requestHash,
        transportKey === null ? null : claimKey('idempotency_key', brand, transportKey),
      ],
    );
    return rows[0] ?? null;
  }
}
