import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { TierChangedSchema, TOPICS } from '#libs/contracts';
import { CONFIG } from '#libs/http';
import { AllianceClock } from '#libs/kernel';
import { Outbox } from '#libs/messaging';
import type { OutboxEvent } from '#libs/messaging';
import { timeline } from '../credits/credits.js';
import type { Item } from '../credits/credits.js';
import { Facts } from '../credits/facts.service.js';
import type { Fresh } from '../credits/facts.service.js';
import { GrantSources } from '../grants/grant-sources.service.js';
import type { Ladder } from '../ladders/ladder.js';
import { Ladders } from '../ladders/ladders.service.js';
import type { MembershipConfig } from '../membership.config.js';
import { advance, pruned, readEarned, unearned, writeEarned } from './earned.js';
import type { Earned } from './earned.js';
import { describe, effectiveAt, nextDue } from './standing.js';
import type { Effective, Grant, Standing } from './standing.js';
import { StandingsRepository } from './standings.repository.js';
import type { Decision, StandingRow } from './standings.repository.js';

interface Judged {
  readonly row: StandingRow;
  readonly decision: Decision | null;
  readonly event: OutboxEvent<typeof TierChangedSchema> | null;
}

/** Judges wallets and tells the network of ranks that changed. */
@Injectable()
export class Standings {
  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly clock: AllianceClock,
    private readonly repository: StandingsRepository,
    private readonly facts: Facts,
    private readonly ladders: Ladders,
    private readonly grants: GrantSources,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Judges these wallets as of now. Only what is fresh is added to the state that is kept; where something fresh lies
   * before what was taken into account already, the wallet is judged from all its facts.
   */
  async evaluate(tx: EntityManager, wallets: readonly string[], fresh: Fresh | null = null): Promise<void> {
    if (wallets.length === 0) return;
    const ladders = await this.ladders.held(tx);
    const rows = await this.repository.lock(tx, [...new Set(wallets)]);
    const now = this.clock.now().getTime();
    const grants = await this.grants.of(tx, wallets);
    const added =
      fresh === null ? new Map<string, Item[]>() : await this.facts.freshItems(tx, fresh, ladders, this.config.zone);
    const kept = new Map<string, Earned>();
    for (const { walletId, state } of rows) {
      const earned = state === null ? null : readEarned(state);
      if (earned !== null && (added.get(walletId) ?? []).every(({ at }) => at > earned.asOf))
        kept.set(walletId, earned);
    }
    const stale = rows.map(({ walletId }) => walletId).filter((wallet) => !kept.has(wallet));
    const histories = await this.histories(tx, stale, ladders);
    const judged = rows.map((row) => {
      const from = kept.get(row.walletId) ?? unearned();
      const items = histories.get(row.walletId) ?? added.get(row.walletId) ?? [];
      return this.judge(row, from, items, ladders, grants.get(row.walletId) ?? [], now);
    });
    await this.repository.save(
      tx,
      judged.map(({ row }) => row),
    );
    await this.repository.decide(
      tx,
      judged.flatMap(({ decision }) => decision ?? []),
    );
    await this.outbox.addAll(
      tx,
      judged.flatMap(({ event }) => event ?? []),
    );
  }

  /** Judges what time alone has made due; the number of wallets that were. */
  async evaluateDue(tx: EntityManager, limit: number): Promise<number> {
    await this.ladders.held(tx);
    const wallets = await this.repository.due(tx, this.clock.now(), limit);
    await this.evaluate(tx, wallets);
    return wallets.length;
  }

  /** Everything about a wallet's rank right now, whether or not the worker has been there. */
  async explain(tx: EntityManager, walletId: string): Promise<Standing> {
    const ladders = await this.ladders.all(tx);
    const now = this.clock.now().getTime();
    const grants = (await this.grants.of(tx, [walletId])).get(walletId) ?? [];
    const state = (await this.repository.find(tx, walletId))?.state ?? null;
    const items = state === null ? ((await this.histories(tx, [walletId], ladders)).get(walletId) ?? []) : [];
    const earned = advance(state === null ? unearned() : readEarned(state), items, ladders, now, this.config.zone);
    return describe(earned, ladders, grants, now, this.config.zone);
  }

  private async histories(
    tx: EntityManager,
    wallets: readonly string[],
    ladders: readonly Ladder[],
  ): Promise<Map<string, Item[]>> {
    if (wallets.length === 0) return new Map();
    const histories = await this.facts.histories(tx, wallets);
    return new Map(
      [...histories].map(([wallet, { orders, returns }]) => [
        wallet,
        timeline(orders, returns, ladders, this.config.zone),
      ]),
    );
  }

  private judge(
    row: StandingRow,
    from: Earned,
    items: readonly Item[],
    ladders: readonly Ladder[],
    grants: readonly Grant[],
    now: number,
  ): Judged {
    const { zone } = this.config;
    const earned = advance(from, items, ladders, now, zone);
    const effective = effectiveAt(earned, ladders, grants, now);
    // another service's clock may be ahead of ours: what lies ahead is taken up when its time has come
    const ahead = Math.min(...items.filter(({ at }) => at > now).map(({ at }) => at), Infinity);
    const due = Math.min(ahead, nextDue(earned, ladders, grants, now, zone));
    const changed = tells(row, effective);
    const next: StandingRow = {
      ...effective,
      walletId: row.walletId,
      version: changed ? row.version + 1n : row.version,
      state: ahead === Infinity ? writeEarned(pruned(earned, ladders, zone)) : null,
      evaluatedAt: new Date(now),
      dueAt: due === Infinity ? null : new Date(due),
    };
    if (!changed) return { row: next, decision: null, event: null };
    const standing = describe(earned, ladders, grants, now, zone);
    return {
      row: next,
      decision: decisionOf(row, next, standing, earned, grants, now),
      event: eventOf(next, standing, now),
    };
  }
}

/** Whether the network must hear of it. The lowest rank is the same under every ladder. */
function tells(row: StandingRow, now: Effective): boolean {
  if (row.rank !== now.rank) return true;
  if (now.rank === 0) return false;
  return (
    row.tier !== now.tier ||
    row.earnMultiplier !== now.earnMultiplier ||
    row.funder !== now.funder ||
    row.ladderVersion !== now.ladderVersion
  );
}

function decisionOf(
  before: StandingRow,
  row: StandingRow,
  standing: Standing,
  earned: Earned,
  grants: readonly Grant[],
  now: number,
): Decision {
  const step = earned.steps.at(-1);
  return {
    walletId: row.walletId,
    version: row.version,
    from: before.rank,
    to: row.rank,
    source: row.source,
    effectiveAt: row.since === null ? null : new Date(row.since),
    ladderVersion: row.ladderVersion,
    inputs: {
      earnedRank: standing.earnedRank,
      cause: step?.cause ?? null,
      causedAt: step === undefined ? null : new Date(step.at).toISOString(),
      measure: figures(step?.measure ?? standing.measure),
      grants: grants.filter(({ from, to }) => from <= now && (to === null || to > now)).map(({ id }) => id),
    },
    decidedAt: new Date(now),
  };
}

function figures(measure: Standing['measure']): Record<string, string> {
  return Object.fromEntries(Object.entries(measure).map(([kind, value]) => [kind, value.toString()]));
}

function eventOf(row: StandingRow, standing: Standing, now: number): OutboxEvent<typeof TierChangedSchema> {
  return {
    topic: TOPICS.tiers,
    key: row.walletId,
    schema: TierChangedSchema,
    body: {
      walletId: row.walletId,
      rank: row.rank,
      tier: row.tier,
      since: timestampFromDate(new Date(row.since ?? now)),
      ...(standing.until === null ? {} : { until: timestampFromDate(new Date(standing.until)) }),
      earnMultiplier: row.earnMultiplier,
      multiplierFunder: row.funder,
      ladderVersion: row.ladderVersion,
      version: row.version,
      changedAt: timestampFromDate(new Date(now)),
    },
  };
}
