import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { sha256Hex } from '#libs/kernel';

export type OperationKind =
  'order' | 'grant' | 'order_return' | 'authorization' | 'capture' | 'void' | 'redemption_return' | 'expiration';

/** Whether a business key was used before, without moving anything. */
@Injectable()
export class KnownOperationsRepository {
  async isKnown(tx: EntityManager, kind: OperationKind, brand: string, externalId: string): Promise<boolean> {
    const key = Buffer.from(sha256Hex(externalId).slice(0, 32), 'hex');
    const rows: unknown[] = await tx.query('SELECT FROM operation WHERE brand = $1 AND kind = $2 AND key = $3', [
      brand,
      kind,
      key,
    ]);
    return rows.length > 0;
  }
}
