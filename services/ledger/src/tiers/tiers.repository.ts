import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { BonusFunder, MemberTier } from './tier.js';

/** NOTIFY channel of the ranks; the payload is `walletId:version`. */
export const TIERS_CHANNEL = 'member_tier';

interface Row {
  wallet_id: string;
  tier: string;
  rank: number;
  since: Date | null;
  until: Date | null;
  multiplier: string;
  funder: BonusFunder;
  ladder_version: number;
  version: bigint;
}

/** The ledger's own copy of what membership tells of members' ranks. */
@Injectable()
export class TiersRepository {
  /** Ranks after a wallet, in order of cells and wallets; all of them, or only those asked for. */
  async page(
    tx: EntityManager,
    after: string,
    limit: number,
    wallets: readonly string[] | null,
  ): Promise<MemberTier[]> {
    const rows: Row[] = await tx.query(
      `SELECT wallet_id, tier, rank, since, until, multiplier, funder, ladder_version, version FROM member_tier
       WHERE (cell, wallet_id) > (ledger_cell($1), $1::uuid) AND ($3::uuid[] IS NULL OR wallet_id = ANY($3))
       ORDER BY cell, wallet_id LIMIT $2`,
      [after, limit, wallets],
    );
    return rows.map((row) => ({
      walletId: row.wallet_id,
      tier: row.tier,
      rank: row.rank,
      since: row.since,
      until: row.until,
      multiplier: row.multiplier,
      funder: row.funder,
      ladderVersion: row.ladder_version,
      version: Number(row.version),
    }));
  }

  /** Stores what is newer than the copy; every instance reads it anew when this commits. */
  async put(tx: EntityManager, tiers: readonly MemberTier[]): Promise<void> {
    await tx.query(
      `WITH given AS (
         SELECT DISTINCT ON (wallet_id) *
         FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::int[], $9::bigint[])
           AS g (wallet_id, tier, rank, since, until, multiplier, funder, ladder_version, version)
         ORDER BY wallet_id, version DESC),
       stored AS (
         INSERT INTO member_tier (cell, wallet_id, tier, rank, since, until, multiplier, funder, ladder_version, version)
         SELECT ledger_cell(wallet_id), wallet_id, tier, rank, since, until, multiplier, funder, ladder_version, version FROM given ORDER BY wallet_id
         ON CONFLICT (cell, wallet_id) DO UPDATE SET tier = excluded.tier, rank = excluded.rank, since = excluded.since,
           until = excluded.until, multiplier = excluded.multiplier, funder = excluded.funder,
           ladder_version = excluded.ladder_version, version = excluded.version
           WHERE member_tier.version < excluded.version
         RETURNING wallet_id, version)
       SELECT pg_notify('${TIERS_CHANNEL}', wallet_id || ':' || version) FROM stored`,
      [
        tiers.map(({ walletId }) => walletId),
        tiers.map(({ tier }) => tier),
        tiers.map(({ rank }) => rank),
        tiers.map(({ since }) => since),
        tiers.map(({ until }) => until),
        tiers.map(({ multiplier }) => multiplier),
        tiers.map(({ funder }) => funder),
        tiers.map(({ ladderVersion }) => ladderVersion),
        tiers.map(({ version }) => version),
      ],
    );
  }
}
