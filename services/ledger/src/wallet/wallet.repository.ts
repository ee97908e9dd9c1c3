import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import type { Place } from '../posting/place.js';
import type { WalletNumbers } from '../posting/posting.js';

/** The wallet as stored, and whether something in it has become due by the instant asked about. */
export interface StoredWallet {
  numbers: WalletNumbers;
  due: boolean;
}

/** Points that die together. */
export interface Expiration {
  points: bigint;
  at: Date;
}

export interface StoredEntry {
  id: string;
  walletVersion: bigint;
  kind: string;
  points: bigint;
  occurredAt: Date;
  postedAt: Date;
  reference: string | null;
  orderExternalId: string | null;
  trace: string[] | null;
  /** Why its lot was given; null for what has none of its own. */
  reason: string | null;
}

export interface StoredLot {
  id: string;
  issuer: string;
  points: bigint;
  remaining: bigint;
  held: bigint;
  pending: boolean;
  debt: boolean;
  availableFrom: Date | null;
  expiresAt: Date | null;
  earnedAt: Date;
  campaign: string | null;
  reason: string;
}

/** Reads of one wallet. Nothing here changes anything. */
@Injectable()
export class WalletRepository {
  /** A wallet that never had a posting is empty. */
  async wallet(tx: EntityManager, walletId: string, now: Date): Promise<StoredWallet> {
    const rows: { balance: bigint; held: bigint; pending: bigint; debt: bigint; due: boolean }[] = await tx.query(
      `SELECT b.posted - b.held AS balance, b.held, b.pending, b.debt, coalesce(b.next_due <= $2, false) AS due
       FROM wallet b WHERE b.cell = ledger_cell($1) AND b.wallet_id = $1`,
      [walletId, now],
    );
    const row = rows[0];
    if (row === undefined) {
      return { numbers: { available: 0n, held: 0n, pending: 0n, debt: 0n, balance: 0n }, due: false };
    }
    const { due, ...numbers } = row;
    return { numbers: { ...numbers, available: numbers.balance > 0n ? numbers.balance : 0n }, due };
  }

  /** What of the wallet can be spent at one place. */
  async spendableAt(
    tx: EntityManager,
    walletId: string,
    { balance }: WalletNumbers,
    now: Date,
    { brand, store }: Place,
  ): Promise<bigint> {
    const rows: { points: bigint }[] = await tx.query(
      'SELECT greatest(0, ledger_spendable_v1($1, $2, $3, $4, $5)) AS points',
      [walletId, balance, now, brand, store],
    );
    return rows[0]?.points ?? 0n;
  }

  /** Spendable points by the instant they die, the nearest first. Held points do not die. */
  async expirations(tx: EntityManager, walletId: string, after: Date | null, limit: number): Promise<Expiration[]> {
    return tx.query(
      `SELECT sum(l.remaining)::bigint AS points, l.expires_at AS at
       FROM lot l WHERE l.cell = ledger_cell($1) AND l.wallet_id = $1 AND l.open AND NOT l.debt AND NOT l.pending AND l.remaining > 0
         AND l.expires_at IS NOT NULL AND ($2::timestamptz IS NULL OR l.expires_at > $2)
       GROUP BY l.expires_at ORDER BY l.expires_at LIMIT $3`,
      [walletId, after, limit],
    );
  }

  /** The brand's own postings that moved points, the newest first. Row security hides all others. */
  async entries(
    tx: EntityManager,
    walletId: string,
    brand: string,
    before: bigint | null,
    limit: number,
  ): Promise<StoredEntry[]> {
    return tx.query(
      `SELECT p.id, p.wallet_version AS "walletVersion", p.kind::text AS kind, p.points, p.occurred_at AS "occurredAt",
         p.posted_at AS "postedAt", p.reference, o.external_id AS "orderExternalId", o.document->'trace' AS trace,
         (SELECT l.reason FROM lot l WHERE l.cell = p.cell AND l.wallet_id = p.wallet_id AND l.origin_id = p.order_id AND NOT l.debt LIMIT 1) AS reason
       FROM posting p LEFT JOIN purchase o ON o.cell = p.cell AND o.id = p.order_id
       WHERE p.cell = ledger_cell($1) AND p.wallet_id = $1 AND p.brand = $2 AND ($3::bigint IS NULL OR p.wallet_version < $3)
         AND p.kind NOT IN ('authorization', 'void', 'authorization_expired')
       ORDER BY p.wallet_version DESC LIMIT $4`,
      [walletId, brand, before, limit],
    );
  }

  /** Where in the wallet one of the brand's own postings stands; null for any other. */
  async versionOf(tx: EntityManager, walletId: string, postingId: string): Promise<bigint | null> {
    const rows: { version: bigint }[] = await tx.query(
      `SELECT p.wallet_version AS version FROM posting p
       WHERE p.cell = ledger_cell($1) AND p.wallet_id = $1 AND p.id = $2`,
      [walletId, postingId],
    );
    return rows[0]?.version ?? null;
  }

  /** All lots of a wallet in the order they were earned, spent ones and debts too. */
  async lots(tx: EntityManager, walletId: string, after: [Date, string] | null, limit: number): Promise<StoredLot[]> {
    return tx.query(
      `SELECT l.id, l.issuer, l.points, l.remaining, l.held, l.pending, l.debt, l.available_from AS "availableFrom",
         l.expires_at AS "expiresAt", l.earned_at AS "earnedAt", l.campaign, l.reason
       FROM lot l WHERE l.cell = ledger_cell($1) AND l.wallet_id = $1 AND ($2::timestamptz IS NULL OR (l.earned_at, l.id) > ($2, $3::uuid))
       ORDER BY l.earned_at, l.id LIMIT $4`,
      [walletId, after?.[0] ?? null, after?.[1] ?? null, limit],
    );
  }
}
