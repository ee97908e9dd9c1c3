import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DECISIONS, STANDINGS } from './standings.tables.js';
import type { Decision, StandingRow } from './standings.tables.js';

@Injectable()
export class StandingsRepository {
  /** The rows of these wallets, created if missing. All callers lock them in the same order. */
  async lock(tx: EntityManager, wallets: readonly string[]): Promise<StandingRow[]> {
    await tx.query(
      'insert into standing (wallet_id) select w from unnest($1::text[]) w order by w on conflict (wallet_id) do nothing',
      [wallets],
    );
    return STANDINGS.query(
      tx,
      'select * from standing where wallet_id = any($1::text[]) order by wallet_id for update',
      [wallets],
    );
  }

  find(tx: EntityManager, walletId: string): Promise<StandingRow | null> {
    return tx.findOneBy(STANDINGS, { walletId });
  }

  async save(tx: EntityManager, changed: readonly StandingRow[]): Promise<void> {
    if (changed.length === 0) return;
    const { sql, values } = STANDINGS.given(changed);
    await tx.query(
      `update standing s set rank = given.rank, steps = given.steps, version = given.version, state = given.state, rules = given.rules,
         evaluated_at = given.evaluated_at, due_at = given.due_at
       from ${sql} where s.wallet_id = given.wallet_id`,
      values,
    );
  }

  async decide(tx: EntityManager, decisions: readonly Decision[]): Promise<void> {
    await DECISIONS.insert(tx, decisions);
  }

  decisionsOf(tx: EntityManager, walletId: string): Promise<Decision[]> {
    return tx.find(DECISIONS, { where: { walletId }, order: { version: 'asc' } });
  }

  /** Wallets to judge because of the time or changed rules. Skips wallets locked by another instance. */
  async due(tx: EntityManager, now: Date, rules: number, limit: number): Promise<string[]> {
    const take = async (which: string, than: Date | number, most: number): Promise<string[]> => {
      const found: { wallet_id: string }[] = await tx.query(
        `select wallet_id from standing where ${which} limit $2 for update skip locked`,
        [than, most],
      );
      return found.map((row) => row.wallet_id);
    };
    const late = await take('due_at <= $1 order by due_at', now, limit);
    if (late.length === limit) return late;
    return [...new Set([...late, ...(await take('rules < $1 order by rules', rules, limit - late.length))])];
  }

  async countDue(tx: EntityManager, now: Date, rules: number, limit: number): Promise<number> {
    const [row]: { wallets: bigint }[] = await tx.query(
      `select (select count(*) from (select from standing where due_at <= $1 limit $3) t)
            + (select count(*) from (select from standing where rules < $2 limit $3) r) as wallets`,
      [now, rules, limit],
    );
    return Number(row?.wallets ?? 0);
  }

  async bringForward(tx: EntityManager, wallets: readonly string[], at: Date): Promise<void> {
    await tx.query('update standing set due_at = least(due_at, $2) where wallet_id = any($1::text[])', [wallets, at]);
  }

  page(tx: EntityManager, after: string, limit: number): Promise<StandingRow[]> {
    return STANDINGS.query(tx, 'select * from standing where wallet_id > $1 order by wallet_id limit $2', [
      after,
      limit,
    ]);
  }

  /** Wallets whose stored rank differs from their last decision. */
  async undecided(tx: EntityManager): Promise<string[]> {
    const found: { wallet_id: string }[] = await tx.query(`
      select s.wallet_id from standing s
        left join tier_decision d on d.wallet_id = s.wallet_id and d.version = s.version
       where (s.version = 0 and s.rank <> 0) or (s.version > 0 and d.to_rank is distinct from s.rank)
       limit 20`);
    return found.map((row) => row.wallet_id);
  }
}
