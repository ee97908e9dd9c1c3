import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { GrantAct, TierGrant } from './grant.js';

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
  approved_by: string | null;
  approved_at: Date | null;
  revoked_by: string | null;
  revoked_at: Date | null;
}

const SELECT = `
  select g.*, a.by_whom as approved_by, a.at as approved_at, r.by_whom as revoked_by, r.at as revoked_at
    from tier_grant g
    left join tier_grant_act a on a.grant_id = g.grant_id and a.act = 'approved'
    left join tier_grant_act r on r.grant_id = g.grant_id and r.act = 'revoked'`;

@Injectable()
export class GrantsRepository {
  async insert(tx: EntityManager, grant: TierGrant): Promise<void> {
    await tx.query(
      `insert into tier_grant (grant_id, wallet_id, member_ref, source, rank, from_at, to_at, reason, proof, made_by, made_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
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
      ],
    );
  }

  /** False when the grant has had this act already. */
  async act(
    tx: EntityManager,
    grantId: string,
    act: 'approved' | 'revoked',
    by: GrantAct,
    reason: string | null,
  ): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into tier_grant_act (grant_id, act, by_whom, at, reason) values ($1, $2, $3, $4, $5)
       on conflict do nothing returning act`,
      [grantId, act, by.by, by.at, reason],
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

function actOf(by: string | null, at: Date | null): GrantAct | null {
  return by === null || at === null ? null : { by, at };
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
    approved: actOf(row.approved_by, row.approved_at),
    revoked: actOf(row.revoked_by, row.revoked_at),
  };
}
