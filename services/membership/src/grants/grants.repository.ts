import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { GrantEnd, TierGrant } from './grant.js';

interface Row {
  grant_id: string;
  wallet_id: string;
  member_ref: string;
  source: TierGrant['source'];
  rank: number;
  from_at: Date;
  to_at: Date;
  reason: string;
  proof: string | null;
  made_by: string;
  made_at: Date;
  approved_by: string;
  revoked_by: string | null;
  revoked_at: Date | null;
}

const SELECT = `
  select g.*, r.by_whom as revoked_by, r.at as revoked_at
    from tier_grant g left join tier_grant_end r on r.grant_id = g.grant_id`;

@Injectable()
export class GrantsRepository {
  async insert(tx: EntityManager, grant: TierGrant): Promise<void> {
    await tx.query(
      `insert into tier_grant (grant_id, wallet_id, member_ref, source, rank, from_at, to_at, reason, proof, made_by, made_at, approved_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        grant.id,
        grant.walletId,
        grant.memberRef,
        grant.source,
        grant.rank,
        grant.from,
        grant.to,
        grant.reason,
        grant.proof,
        grant.madeBy,
        grant.madeAt,
        grant.approvedBy,
      ],
    );
  }

  /** False when the grant was ended already. */
  async end(tx: EntityManager, grantId: string, end: GrantEnd, reason: string): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into tier_grant_end (grant_id, by_whom, at, reason) values ($1, $2, $3, $4)
       on conflict do nothing returning grant_id`,
      [grantId, end.by, end.at, reason],
    );
    return rows.length === 1;
  }

  async find(tx: EntityManager, grantId: string): Promise<TierGrant | null> {
    const rows: Row[] = await tx.query(`${SELECT} where g.grant_id = $1`, [grantId]);
    return rows[0] === undefined ? null : grantOf(rows[0]);
  }

  async ofWallets(tx: EntityManager, wallets: readonly string[]): Promise<TierGrant[]> {
    const rows: Row[] = await tx.query(`${SELECT} where g.wallet_id = any($1::text[]) order by g.grant_id`, [wallets]);
    return rows.map(grantOf);
  }
}

function grantOf(row: Row): TierGrant {
  return {
    id: row.grant_id,
    walletId: row.wallet_id,
    memberRef: row.member_ref,
    source: row.source,
    rank: row.rank,
    from: row.from_at,
    to: row.to_at,
    reason: row.reason,
    proof: row.proof,
    madeBy: row.made_by,
    madeAt: row.made_at,
    approvedBy: row.approved_by,
    revoked: row.revoked_by === null || row.revoked_at === null ? null : { by: row.revoked_by, at: row.revoked_at },
  };
}
