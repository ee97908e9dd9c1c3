import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { sha256Hex } from '#libs/kernel';

import type { OutcomeRow } from '../posting/item.js';

export type OperationKind =
  | 'order'
  | 'grant'
  | 'order_return'
  | 'authorization'
  | 'capture'
  | 'void'
  | 'redemption_return'
  | 'expiration'
  | 'delivery';

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
    const key = Buffer.from(sha256Hex(externalId).slice(0, 32), 'hex');
    const rows: OutcomeRow[] = await tx.query(
      `SELECT 0 AS n, CASE WHEN request_hash <> $4 THEN 'conflict' WHEN decline IS NULL THEN 'created' ELSE 'declined' END AS verdict, true AS replayed, decline, decline_limit,
         result::text AS result, balance, held, pending, debt, detail::text AS detail, subject_id, posting_id, posted_at
       FROM operation WHERE brand = $1 AND kind = $2 AND key = $3`,
      [brand, kind, key, requestHash],
    );
    return rows[0] ?? null;
  }
}
