import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RankStep } from './ranks.js';
import type { TierDecisionView } from './tiers.answers.js';

/** What is kept of a wallet's standing. */
export interface StandingRow {
  readonly walletId: string;
  /** Of the last step. */
  readonly rank: number;
  /** Every rank told to the network, oldest first. */
  readonly steps: readonly RankStep[];
  readonly version: bigint;
  /** The earned rank carried to `evaluatedAt`; null: to be made from the facts. */
  readonly state: string | null;
  /** Number of the rules that it was judged by. */
  readonly rules: number;
  readonly evaluatedAt: Date | null;
  readonly dueAt: Date | null;
}

/** One change of the effective rank, with what decided it. */
export interface Decision {
  readonly walletId: string;
  readonly version: bigint;
  readonly from: number;
  readonly to: number;
  readonly source: TierDecisionView['source'];
  readonly effectiveAt: Date | null;
  readonly ladderVersion: number;
  readonly inputs: TierDecisionView['inputs'];
  readonly decidedAt: Date;
}

interface Row {
  wallet_id: string;
  rank: number;
  steps: RankStep[];
  version: bigint;
  state: string | null;
  rules: number;
  evaluated_at: Date | null;
  due_at: Date | null;
}

const COLUMNS = 'wallet_id, rank, steps, version, state, rules, evaluated_at, due_at';

@Injectable()
export class StandingsRepository {
  /** The rows of these wallets, made where there are none, locked in one order by everybody. */
  async lock(tx: EntityManager, wallets: readonly string[]): Promise<StandingRow[]> {
    await tx.query(
      'insert into standing (wallet_id) select w from unnest($1::text[]) w order by w on conflict (wallet_id) do nothing',
      [wallets],
    );
    return rows(
      await tx.query(
        `select ${COLUMNS} from standing where wallet_id = any($1::text[]) order by wallet_id for update`,
        [wallets],
      ),
    );
  }

  async find(tx: EntityManager, walletId: string): Promise<StandingRow | null> {
    return rows(await tx.query(`select ${COLUMNS} from standing where wallet_id = $1`, [walletId]))[0] ?? null;
  }

  async save(tx: EntityManager, changed: readonly StandingRow[]): Promise<void> {
    if (changed.length === 0) return;
    await tx.query(
      `update standing s set rank = n.rank, steps = n.steps, version = n.version, state = n.state, rules = n.rules,
         evaluated_at = n.evaluated_at, due_at = n.due_at
       from unnest($1::text[], $2::smallint[], $3::json[], $4::bigint[], $5::text[], $6::integer[], $7::timestamptz[], $8::timestamptz[])
         as n (wallet_id, rank, steps, version, state, rules, evaluated_at, due_at)
       where s.wallet_id = n.wallet_id`,
      [
        changed.map((row) => row.walletId),
        changed.map((row) => row.rank),
        changed.map((row) => JSON.stringify(row.steps)),
        changed.map((row) => row.version.toString()),
        changed.map((row) => row.state),
        changed.map((row) => row.rules),
        changed.map((row) => row.evaluatedAt?.toISOString() ?? null),
        changed.map((row) => row.dueAt?.toISOString() ?? null),
      ],
    );
  }

  async decide(tx: EntityManager, decisions: readonly Decision[]): Promise<void> {
    if (decisions.length === 0) return;
    await tx.query(
      `insert into tier_decision (wallet_id, version, from_rank, to_rank, source, effective_at, ladder_version, inputs, decided_at)
       select * from unnest($1::text[], $2::bigint[], $3::smallint[], $4::smallint[], $5::text[], $6::timestamptz[], $7::integer[], $8::jsonb[], $9::timestamptz[])`,
      [
        decisions.map((d) => d.walletId),
        decisions.map((d) => d.version.toString()),
        decisions.map((d) => d.from),
        decisions.map((d) => d.to),
        decisions.map((d) => d.source),
        decisions.map((d) => d.effectiveAt?.toISOString() ?? null),
        decisions.map((d) => d.ladderVersion),
        decisions.map((d) => JSON.stringify(d.inputs)),
        decisions.map((d) => d.decidedAt.toISOString()),
      ],
    );
  }

  async decisionsOf(tx: EntityManager, walletId: string): Promise<Decision[]> {
    const found: {
      wallet_id: string;
      version: bigint;
      from_rank: number;
      to_rank: number;
      source: Decision['source'];
      effective_at: Date | null;
      ladder_version: number;
      inputs: Decision['inputs'];
      decided_at: Date;
    }[] = await tx.query('select * from tier_decision where wallet_id = $1 order by version', [walletId]);
    return found.map((d) => ({
      walletId: d.wallet_id,
      version: d.version,
      from: d.from_rank,
      to: d.to_rank,
      source: d.source,
      effectiveAt: d.effective_at,
      ladderVersion: d.ladder_version,
      inputs: d.inputs,
      decidedAt: d.decided_at,
    }));
  }

  /** Wallets to be judged because of the time or of other rules; those that another instance works on are left to it. */
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

  /** How many there are of them, up to a limit. */
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

  async page(tx: EntityManager, after: string, limit: number): Promise<StandingRow[]> {
    return rows(
      await tx.query(`select ${COLUMNS} from standing where wallet_id > $1 order by wallet_id limit $2`, [
        after,
        limit,
      ]),
    );
  }

  /** Wallets whose kept rank is not what its last decision says. */
  async undecided(tx: EntityManager): Promise<string[]> {
    const found: { wallet_id: string }[] = await tx.query(`
      select s.wallet_id from standing s
        left join tier_decision d on d.wallet_id = s.wallet_id and d.version = s.version
       where (s.version = 0 and s.rank <> 0) or (s.version > 0 and d.to_rank is distinct from s.rank)
       limit 20`);
    return found.map((row) => row.wallet_id);
  }
}

function rows(found: readonly Row[]): StandingRow[] {
  return found.map((row) => ({
    walletId: row.wallet_id,
    rank: row.rank,
    steps: row.steps,
    version: row.version,
    state: row.state,
    rules: row.rules,
    evaluatedAt: row.evaluated_at,
    dueAt: row.due_at,
  }));
}
