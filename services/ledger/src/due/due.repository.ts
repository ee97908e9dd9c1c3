import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { DueItems } from '#libs/http';

/** A wallet in which what is due cannot be done, and why. */
export interface UnsettledWallet {
  readonly walletId: string;
  readonly fault: string;
  readonly tries: number;
  readonly since: Date;
  readonly retryAt: Date;
}

/** What the sweeps of {@link DueWork} look for, counted by the indexes that they use. */
@Injectable()
export class DueRepository {
  async count(tx: EntityManager, now: Date, limit: number): Promise<DueItems[]> {
    const rows: { work: string; items: bigint }[] = await tx.query(
      `SELECT 'pending' AS work, count(*) AS items FROM (SELECT FROM lot WHERE open AND pending AND available_from <= $1 LIMIT $2) p
       UNION ALL SELECT 'holds', count(*) FROM (SELECT FROM hold WHERE open AND expires_at <= $1 LIMIT $2) h
       UNION ALL SELECT 'expiry', count(*) FROM (
         SELECT FROM lot WHERE open AND expires_at <= $1 AND NOT pending AND remaining > 0 LIMIT $2) e`,
      [now, limit],
    );
    return rows.map(({ work, items }) => ({ work, items: Number(items) }));
  }

  /** Those that wait longest. */
  async unsettled(tx: EntityManager, limit: number): Promise<UnsettledWallet[]> {
    const rows: UnsettledWallet[] = await tx.query(
      `SELECT wallet_id AS "walletId", fault, tries, since, retry_at AS "retryAt" FROM due_fault ORDER BY since, wallet_id LIMIT $1`,
      [limit],
    );
    return rows;
  }

  /** Has the next sweep try a wallet again; false unless it is one of those. */
  async retry(tx: EntityManager, walletId: string): Promise<boolean> {
    const rows: { known: boolean }[] = await tx.query('SELECT ledger_retry_due_v1($1) AS known', [walletId]);
    return rows[0]?.known === true;
  }
}
