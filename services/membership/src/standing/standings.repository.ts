import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Effective } from './standing.js';

/** What is kept of a wallet's standing. */
export interface StandingRow extends Effective {
  readonly walletId: string;
  readonly version: bigint;
  readonly state: string | null;
  readonly evaluatedAt: Date | null;
  readonly dueAt: Date | null;
}

/** One change of the effective rank, with what decided it. */
export interface Decision {
  readonly walletId: string;
  readonly version: bigint;
  readonly from: number;
  readonly to: number;
  readonly source: string;
  readonly effectiveAt: Date | null;
  readonly ladderVersion: number;
  readonly inputs: object;
  readonly decidedAt: Date;
}

interface Row {
  wallet_id: string;
  rank: number;
  tier: string;
  since: Date | null;
  source: Effective['source'];
  earn_multiplier: string;
  funder: Effective['funder'];
  ladder_version: number;
  version: bigint;
  state: string | null;
  evaluated_at: Date | null;
  due_at: Date | null;
}

const COLUMNS =
  'wallet_id, rank, tier, since, source, earn_multiplier, funder, ladder_version, version, state, evaluated_at, due_at';

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
      `update standing s set rank = n.rank, tier = n.tier, since = n.since, source = n.source, earn_multiplier = n.multiplier, funder = n.funder,
         ladder_version = n.ladder, version = n.version, state = n.state, evaluated_at = n.evaluated_at, due_at = n.due_at
       from unnest($1::text[], $2::smallint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::bigint[],
         $10::text[], $11::timestamptz[], $12::timestamptz[])
         as n (wallet_id, rank, tier, since, source, multiplier, funder, ladder, version, state, evaluated_at, due_at)
       where s.wallet_id = n.wallet_id`,
      [
        changed.map((row) => row.walletId),
        changed.map((row) => row.rank),
        changed.map((row) => row.tier),
        changed.map((row) => (row.since === null ? null : new Date(row.since).toISOString())),
        changed.map((row) => row.source),
        changed.map((row) => row.earnMultiplier),
        changed.map((row) => row.funder),
        changed.map((row) => row.ladderVersion),
        changed.map((row) => row.version.toString()),
        changed.map((row) => row.state),
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
      source: string;
      effective_at: Date | null;
      ladder_version: number;
      inputs: object;
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

  /** Wallets that time alone may have changed; those that another instance works on are left to it. */
  async due(tx: EntityManager, now: Date, limit: number): Promise<string[]> {
    const found: { wallet_id: string }[] = await tx.query(
      'select wallet_id from standing where due_at <= $1 order by due_at limit $2 for update skip locked',
      [now, limit],
    );
    return found.map((row) => row.wallet_id);
  }

  /** The rules changed: everybody is judged again, from the facts, when the change begins. */
  async rulesChanged(tx: EntityManager, from: Date): Promise<void> {
    await tx.query('update standing set state = null, due_at = least(due_at, $1)', [from]);
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
    tier: row.tier,
    since: row.since?.getTime() ?? null,
    source: row.source,
    earnMultiplier: row.earn_multiplier,
    funder: row.funder,
    ladderVersion: row.ladder_version,
    version: row.version,
    state: row.state,
    evaluatedAt: row.evaluated_at,
    dueAt: row.due_at,
  }));
}
