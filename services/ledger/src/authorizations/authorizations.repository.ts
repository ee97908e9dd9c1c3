import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { AuthorizationState } from './authorization.js';

/** The holds of the ledger core. Row security shows a brand only its own. */
@Injectable()
export class AuthorizationsRepository {
  async find(tx: EntityManager, id: string): Promise<AuthorizationState | null> {
    const rows: AuthorizationState[] = await tx.query(
      `select id, brand, wallet_id as "walletId", member_ref as "memberRef", store, reference as "externalId", points,
         expires_at as "expiresAt", status::text as status, open, captured, returned, authorized_at as "authorizedAt"
       from hold where cell = ledger_cell($1) and id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }
}
