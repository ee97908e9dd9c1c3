import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { StoredRow } from '#libs/postgres';
import type { GrantEnd, TierGrant } from './grant.js';
import { GRANTS } from './grants.tables.js';

interface EndedRow extends StoredRow {
  readonly revoked_by: string | null;
  readonly revoked_at: Date | null;
}

const SELECT = `
  select g.*, r.by_whom as revoked_by, r.at as revoked_at
    from tier_grant g left join tier_grant_end r on r.grant_id = g.grant_id`;

@Injectable()
export class GrantsRepository {
  async insert(tx: EntityManager, grant: TierGrant): Promise<void> {
    await GRANTS.insert(tx, [grant]);
  }

  /** Ends a grant. Returns false if it had ended already. */
  async end(tx: EntityManager, grantId: string, end: GrantEnd, reason: string): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into tier_grant_end (grant_id, by_whom, at, reason) values ($1, $2, $3, $4)
       on conflict do nothing returning grant_id`,
      [grantId, end.by, end.at, reason],
    );
    return rows.length === 1;
  }

  async find(tx: EntityManager, grantId: string): Promise<TierGrant | null> {
    const rows: EndedRow[] = await tx.query(`${SELECT} where g.grant_id = $1`, [grantId]);
    return rows[0] === undefined ? null : grantOf(rows[0]);
  }

  async ofWallets(tx: EntityManager, wallets: readonly string[]): Promise<TierGrant[]> {
    const rows: EndedRow[] = await tx.query(`${SELECT} where g.wallet_id = any($1::text[]) order by g.grant_id`, [
      wallets,
    ]);
    return rows.map(grantOf);
  }
}

function grantOf(row: EndedRow): TierGrant {
  const { revoked_by: by, revoked_at: at } = row;
  return { ...GRANTS.fromRow(row), revoked: by === null || at === null ? null : { by, at } };
}
