import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { DEBT_WRITE_OFF } from './debt-write-off.js';

/** What a member owes an issuer, and the wallet's version when it was read. */
export interface OwingWallet {
  readonly walletId: string;
  readonly debt: bigint;
  readonly version: bigint;
}

export interface DebtWriteOff {
  readonly externalId: string;
  readonly brand: string;
  readonly reason: string;
  readonly maker: string;
  readonly checker: string;
  readonly points: bigint;
  readonly wallets: bigint;
  readonly at: Date;
}

@Injectable()
export class DebtWriteOffsRepository {
  /** Wallets that owe an issuer, after one of them. */
  async owing(tx: EntityManager, issuer: string, after: string, limit: number): Promise<OwingWallet[]> {
    const rows: OwingWallet[] = await tx.query(
      `SELECT l.wallet_id AS "walletId", sum(l.remaining)::bigint AS debt, w.wallet_version AS version
       FROM lot l JOIN wallet w ON w.cell = l.cell AND w.wallet_id = l.wallet_id
       WHERE l.open AND l.debt AND l.issuer = $1 AND l.wallet_id > $2
       GROUP BY l.wallet_id, w.wallet_version ORDER BY l.wallet_id LIMIT $3`,
      [issuer, after, limit],
    );
    return rows;
  }

  /** What one write-off came to so far. */
  async given(tx: EntityManager, issuer: string, externalId: string): Promise<{ points: bigint; wallets: bigint }> {
    const rows: { points: bigint; wallets: bigint }[] = await tx.query(
      `SELECT coalesce(sum(points), 0)::bigint AS points, count(*) AS wallets FROM lot WHERE issuer = $1 AND campaign = $2 AND reason = $3`,
      [issuer, externalId, DEBT_WRITE_OFF],
    );
    return rows[0] ?? { points: 0n, wallets: 0n };
  }

  async find(tx: EntityManager, externalId: string): Promise<DebtWriteOff | null> {
    const rows: DebtWriteOff[] = await tx.query(
      `SELECT external_id AS "externalId", brand, reason, maker, checker, points, wallets, at FROM debt_write_off WHERE external_id = $1`,
      [externalId],
    );
    return rows[0] ?? null;
  }

  async add(tx: EntityManager, done: DebtWriteOff): Promise<void> {
    const { externalId, brand, reason, maker, checker, points, wallets, at } = done;
    await tx.query(
      `INSERT INTO debt_write_off (external_id, brand, reason, maker, checker, points, wallets, at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
      [externalId, brand, reason, maker, checker, points, wallets, at],
    );
  }
}
