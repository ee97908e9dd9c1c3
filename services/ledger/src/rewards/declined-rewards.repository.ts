import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/**
 * A reward that was not posted: its issuer had no contract, it exceeded what the contract allows without approval, or the wallet was
 * full.
 */
export interface DeclinedReward {
  id: string;
  key: string;
  issuer: string;
  reason: string;
  /** Negative for points that should have been taken back. */
  points: bigint;
  /** Reason of the decline: a code of the error catalogue. */
  cause: string;
  occurredAt: Date;
  declinedAt: Date;
}

@Injectable()
export class DeclinedRewardsRepository {
  /** The reason why a reward with one of the keys, or with the origin, was declined before; null if none was. */
  async causeOf(
    tx: EntityManager,
    walletId: string,
    keys: readonly string[],
    originId: string | null,
  ): Promise<string | null> {
    const rows: { cause: string }[] = await tx.query(
      `select cause from declined_reward where cell = ledger_cell($1) and wallet_id = $1 and (key = any($2) or origin_id = $3)
       order by declined_at, id limit 1`,
      [walletId, keys, originId],
    );
    return rows[0]?.cause ?? null;
  }

  /** Stores a reward; returns true unless it was stored already. */
  async add(tx: EntityManager, walletId: string, originId: string, reward: DeclinedReward): Promise<boolean> {
    const { id, key, issuer, reason, points, cause, occurredAt, declinedAt } = reward;
    const rows: unknown[] = await tx.query(
      `insert into declined_reward (cell, wallet_id, id, origin_id, key, issuer, reason, points, cause, occurred_at, declined_at)
       values (ledger_cell($1), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning id`,
      [walletId, id, originId, key, issuer, reason, points, cause, occurredAt, declinedAt],
    );
    return rows.length > 0;
  }

  async page(
    tx: EntityManager,
    after: readonly [declinedAt: Date, id: string] | null,
    limit: number,
  ): Promise<DeclinedReward[]> {
    const rows: DeclinedReward[] = await tx.query(
      `select id, key, issuer, reason, points, cause, occurred_at as "occurredAt", declined_at as "declinedAt" from declined_reward
       where $1::timestamptz is null or (declined_at, id) > ($1, $2::uuid) order by declined_at, id limit $3`,
      [after?.[0] ?? null, after?.[1] ?? null, limit],
    );
    return rows;
  }
}
