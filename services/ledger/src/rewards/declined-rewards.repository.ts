import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** A reward that was not booked: its issuer had no contract, or it was too large for it, or the wallet was full. */
export interface DeclinedReward {
  id: string;
  key: string;
  issuer: string;
  reason: string;
  /** Negative: points that should have been taken back. */
  points: bigint;
  occurredAt: Date;
  declinedAt: Date;
}

@Injectable()
export class DeclinedRewardsRepository {
  /** Whether a reward with one of the keys, or one under the origin, was declined before. */
  async has(tx: EntityManager, walletId: string, keys: readonly string[], originId: string | null): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `SELECT FROM declined_reward WHERE cell = ledger_cell($1) AND wallet_id = $1 AND (key = ANY($2) OR origin_id = $3) LIMIT 1`,
      [walletId, keys, originId],
    );
    return rows.length > 0;
  }

  /** Keeps a reward; true unless it is kept already. */
  async add(tx: EntityManager, walletId: string, originId: string, reward: DeclinedReward): Promise<boolean> {
    const { id, key, issuer, reason, points, occurredAt, declinedAt } = reward;
    const rows: unknown[] = await tx.query(
      `INSERT INTO declined_reward (cell, wallet_id, id, origin_id, key, issuer, reason, points, occurred_at, declined_at)
       VALUES (ledger_cell($1), $1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id`,
      [walletId, id, originId, key, issuer, reason, points, occurredAt, declinedAt],
    );
    return rows.length > 0;
  }

  /** In the order they were declined, after one of them. */
  async page(
    tx: EntityManager,
    after: readonly [declinedAt: Date, id: string] | null,
    limit: number,
  ): Promise<DeclinedReward[]> {
    const rows: DeclinedReward[] = await tx.query(
      `SELECT id, key, issuer, reason, points, occurred_at AS "occurredAt", declined_at AS "declinedAt" FROM declined_reward
       WHERE $1::timestamptz IS NULL OR (declined_at, id) > ($1, $2::uuid) ORDER BY declined_at, id LIMIT $3`,
      [after?.[0] ?? null, after?.[1] ?? null, limit],
    );
    return rows;
  }
}
