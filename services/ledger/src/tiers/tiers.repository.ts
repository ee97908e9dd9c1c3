import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { MemberTier, TierStep } from './tier.js';

/** NOTIFY channel for tiers; the payload is `walletId:version`. */
export const TIERS_CHANNEL = 'member_tier';

/** The ledger's copy of members' tiers as reported by membership. */
@Injectable()
export class TiersRepository {
  /** The tiers of those of the wallets that ever had one. */
  async find(tx: EntityManager, wallets: readonly string[]): Promise<MemberTier[]> {
    const rows: { wallet_id: string; version: bigint; steps: TierStep[] }[] = await tx.query(
      `select t.wallet_id, t.version, t.steps from unnest($1::uuid[]) as g (wallet_id)
       join member_tier t on t.cell = ledger_cell(g.wallet_id) and t.wallet_id = g.wallet_id`,
      [wallets],
    );
    return rows.map(({ wallet_id, version, steps }) => ({ walletId: wallet_id, version: Number(version), steps }));
  }

  /** Stores records newer than the copy; on commit every instance reloads them. */
  async put(tx: EntityManager, tiers: readonly MemberTier[]): Promise<void> {
    await tx.query(
      `with given as (
         select distinct on (wallet_id) * from unnest($1::uuid[], $2::bigint[], $3::json[]) as g (wallet_id, version, steps)
         order by wallet_id, version desc),
       stored as (
         insert into member_tier (cell, wallet_id, version, steps)
         select ledger_cell(wallet_id), wallet_id, version, steps from given order by wallet_id
         on conflict (cell, wallet_id) do update set version = excluded.version, steps = excluded.steps
           where member_tier.version < excluded.version
         returning wallet_id, version)
       select pg_notify('${TIERS_CHANNEL}', wallet_id || ':' || version) from stored`,
      [
        tiers.map(({ walletId }) => walletId),
        tiers.map(({ version }) => version),
        tiers.map(({ steps }) => JSON.stringify(steps)),
      ],
    );
  }
}
