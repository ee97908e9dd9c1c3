import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { AuthorizationState } from './authorization.js';

/** The holds that the ledger core keeps. Row security shows a brand its own alone. */
@Injectable()
export class AuthorizationsRepository {
  async find(tx: EntityManager, id: string): Promise<AuthorizationState | null> {
    const rows: AuthorizationState[] = await tx.query(
      `SELECT id, brand, wallet_id AS "walletId", member_ref AS "memberRef", store, reference AS "externalId", points,
         expires_at AS "expiresAt", status::text AS status, open, captured, returned, authorized_at AS "authorizedAt"
       FROM hold WHERE cell = ledger_cell($1) AND id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }
}
