import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { DEBT_WRITE_OFF } from './debt-write-off.js';

/** A member's debt to an issuer, and the wallet's version when it was read. */
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
  async owing(tx: EntityManager, issuer: string, after: string, limit: number): Promise<OwingWallet[]> {
    const rows: OwingWallet[] = await tx.query(
      `select l.wallet_id as "walletId", sum(l.remaining)::bigint as debt, w.wallet_version as version
       from lot l join wallet w on w.cell = l.cell and w.wallet_id = l.wallet_id
       where l.open and l.debt and l.issuer = $1 and l.wallet_id > $2
       group by l.wallet_id, w.wallet_version order by l.wallet_id limit $3`,
      [issuer, after, limit],
    );
    return rows;
  }

  /** The total of one write-off so far. */
  async given(tx: EntityManager, issuer: string, externalId: string): Promise<{ points: bigint; wallets: bigint }> {
    const rows: { points: bigint; wallets: bigint }[] = await tx.query(
      `select coalesce(sum(points), 0)::bigint as points, count(*) as wallets from lot where issuer = $1 and campaign = $2 and reason = $3`,
      [issuer, externalId, DEBT_WRITE_OFF],
    );
    return rows[0] ?? { points: 0n, wallets: 0n };
  }

  async find(tx: EntityManager, externalId: string): Promise<DebtWriteOff | null> {
    const rows: DebtWriteOff[] = await tx.query(
      `select external_id as "externalId", brand, reason, maker, checker, points, wallets, at from debt_write_off where external_id = $1`,
      [externalId],
    );
    return rows[0] ?? null;
  }

  async add(tx: EntityManager, done: DebtWriteOff): Promise<void> {
    const { externalId, brand, reason, maker, checker, points, wallets, at } = done;
    await tx.query(
      `insert into debt_write_off (external_id, brand, reason, maker, checker, points, wallets, at)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
      [externalId, brand, reason, maker, checker, points, wallets, at],
    );
  }
}
