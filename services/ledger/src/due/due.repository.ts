import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { DueItems } from '#libs/http';

export interface UnsettledWallet {
  readonly walletId: string;
  readonly fault: string;
  readonly tries: number;
  readonly since: Date;
  readonly retryAt: Date;
}

/** Counts of due work, by the indexes that {@link DueWork} uses. */
@Injectable()
export class DueRepository {
  async count(tx: EntityManager, now: Date, limit: number): Promise<DueItems[]> {
    const rows: { work: string; items: bigint }[] = await tx.query(
      `select 'pending' as work, count(*) as items from (select from lot where open and pending and available_from <= $1 limit $2) p
       union all select 'holds', count(*) from (select from hold where open and expires_at <= $1 limit $2) h
       union all select 'expiry', count(*) from (
         select from lot where open and expires_at <= $1 and not pending and remaining > 0 limit $2) e`,
      [now, limit],
    );
    return rows.map(({ work, items }) => ({ work, items: Number(items) }));
  }

  /** Lists the wallets that have waited longest. */
  async unsettled(tx: EntityManager, limit: number): Promise<UnsettledWallet[]> {
    const rows: UnsettledWallet[] = await tx.query(
      `select wallet_id as "walletId", fault, tries, since, retry_at as "retryAt" from due_fault order by since, wallet_id limit $1`,
      [limit],
    );
    return rows;
  }

  /** Schedules a wallet for retry by the next sweep; returns false unless the wallet is in this list. */
  async retry(tx: EntityManager, walletId: string): Promise<boolean> {
    const rows: { known: boolean }[] = await tx.query('select ledger_retry_due_v1($1) as known', [walletId]);
    return rows[0]?.known === true;
  }
}
