import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** A reward that was not booked: its issuer had no contract, or it was more than that gives by itself, or the wallet was full. */
export interface DeclinedReward {
  id: string;
  key: string;
  issuer: string;
  reason: string;
  /** Negative: points that should have been taken back. */
  points: bigint;
  /** Why nobody got it: a code of the error catalogue. */
  cause: string;
  occurredAt: Date;
  declinedAt: Date;
}

@Injectable()
export class DeclinedRewardsRepository {
  /** Why a reward with one of the keys, or one under the origin, was declined before; null: none was. */
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

  /** Keeps a reward; true unless it is kept already. */
  async add(tx: EntityManager, walletId: string, originId: string, reward: DeclinedReward): Promise<boolean> {
    const { id, key, issuer, reason, points, cause, occurredAt, declinedAt } = reward;
    const rows: unknown[] = await tx.query(
      `insert into declined_reward (cell, wallet_id, id, origin_id, key, issuer, reason, points, cause, occurred_at, declined_at)
       values (ledger_cell($1), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning id`,
      [walletId, id, originId, key, issuer, reason, points, cause, occurredAt, declinedAt],
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
      `select id, key, issuer, reason, points, cause, occurred_at as "occurredAt", declined_at as "declinedAt" from declined_reward
       where $1::timestamptz is null or (declined_at, id) > ($1, $2::uuid) order by declined_at, id limit $3`,
      [after?.[0] ?? null, after?.[1] ?? null, limit],
    );
    return rows;
  }
}
