import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { MemberTier, TierStep } from './tier.js';

/** NOTIFY channel of the ranks; the payload is `walletId:version`. */
export const TIERS_CHANNEL = 'member_tier';

/** The ledger's own copy of what membership tells of members' ranks. */
@Injectable()
export class TiersRepository {
  /** The ranks of those wallets that ever had one. */
  async find(tx: EntityManager, wallets: readonly string[]): Promise<MemberTier[]> {
    const rows: { wallet_id: string; version: bigint; steps: TierStep[] }[] = await tx.query(
      `SELECT t.wallet_id, t.version, t.steps FROM unnest($1::uuid[]) AS g (wallet_id)
       JOIN member_tier t ON t.cell = ledger_cell(g.wallet_id) AND t.wallet_id = g.wallet_id`,
      [wallets],
    );
    return rows.map(({ wallet_id, version, steps }) => ({ walletId: wallet_id, version: Number(version), steps }));
  }

  /** Stores what is newer than the copy; every instance reads it anew when this commits. */
  async put(tx: EntityManager, tiers: readonly MemberTier[]): Promise<void> {
    await tx.query(
      `WITH given AS (
         SELECT DISTINCT ON (wallet_id) * FROM unnest($1::uuid[], $2::bigint[], $3::json[]) AS g (wallet_id, version, steps)
         ORDER BY wallet_id, version DESC),
       stored AS (
         INSERT INTO member_tier (cell, wallet_id, version, steps)
         SELECT ledger_cell(wallet_id), wallet_id, version, steps FROM given ORDER BY wallet_id
         ON CONFLICT (cell, wallet_id) DO UPDATE SET version = excluded.version, steps = excluded.steps
           WHERE member_tier.version < excluded.version
         RETURNING wallet_id, version)
       SELECT pg_notify('${TIERS_CHANNEL}', wallet_id || ':' || version) FROM stored`,
      [
        tiers.map(({ walletId }) => walletId),
        tiers.map(({ version }) => version),
        tiers.map(({ steps }) => JSON.stringify(steps)),
      ],
    );
  }
}
