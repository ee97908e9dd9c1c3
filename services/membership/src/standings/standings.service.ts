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
import { FactsService } from '../credits/facts.service.js';
import type { Fresh } from '../credits/facts.service.js';
import { GrantSourcesService } from '../grants/grant-sources.service.js';
import { NO_LADDER, rulesNumber } from '../ladders/ladder.js';
import type { Ladder } from '../ladders/ladder.js';
import { LaddersService } from '../ladders/ladders.service.js';
import type { MembershipConfig } from '../membership.config.js';
import { advance, pruned, readEarned, unearned, writeEarned } from './earned.js';
import type { Earned } from './earned.js';
import { agreement, earnedAt, heldSince, isLive, stepsUntil } from './ranks.js';
import type { Grant, RankStep } from './ranks.js';
import { explained, measureAt, nextDue } from './standing.js';
import type { Standing } from './standing.js';
import { StandingsRepository } from './standings.repository.js';
import type { Decision, StandingRow } from './standings.tables.js';

interface Judged {
  readonly row: StandingRow;
  readonly decisions: readonly Decision[];
  readonly event: OutboxEvent<typeof TierChangedSchema> | null;
}

/** The most ranks in one event; a member cannot exceed it in sixteen years of monthly judgements. */
const MOST_STEPS = 200;

/** Judges wallets and publishes changed ranks. */
@Injectable()
export class StandingsService {
  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly clock: AllianceClock,
    private readonly repository: StandingsRepository,
    private readonly facts: FactsService,
    private readonly ladders: LaddersService,
    private readonly grants: GrantSourcesService,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Judges these wallets as of now. Only new facts are added to the stored state. If a new fact is older than the state, the wallet
   * is judged again from all of its facts.
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
    for (const row of rows) {
      const { walletId } = row;
      const earned = keptOf(row, ladders);
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
      judged.flatMap(({ decisions }) => decisions),
    );
    await this.outbox.addAll(
      tx,
      judged.flatMap(({ event }) => event ?? []),
    );
  }

  /** Judges wallets that are due by time or changed rules. Returns how many. */
  async evaluateDue(tx: EntityManager, limit: number): Promise<number> {
    const rules = rulesNumber(await this.ladders.held(tx));
    const wallets = await this.repository.due(tx, this.clock.now(), rules, limit);
    await this.evaluate(tx, wallets);
    return wallets.length;
  }

  async countDue(tx: EntityManager, limit: number): Promise<number> {
    const rules = rulesNumber(await this.ladders.all(tx));
    return this.repository.countDue(tx, this.clock.now(), rules, limit);
  }

  /** The current standing of a wallet with its explanation, even if the worker has not judged it yet. */
  async explain(tx: EntityManager, walletId: string): Promise<Standing> {
    const ladders = await this.ladders.all(tx);
    const now = this.clock.now().getTime();
    const grants = (await this.grants.of(tx, [walletId])).get(walletId) ?? [];
    const row = await this.repository.find(tx, walletId);
    const kept = row === null ? null : keptOf(row, ladders);
    const items = kept === null ? ((await this.histories(tx, [walletId], ladders)).get(walletId) ?? []) : [];
    const earned = advance(kept ?? unearned(), items, ladders, now, this.config.zone);
    return explained(earned, ladders, grants, now, this.config.zone);
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
    // another service's clock may be ahead: future items are applied when their time has come
    const ahead = Math.min(...items.filter(({ at }) => at > now).map(({ at }) => at), Infinity);
    const due = Math.min(ahead, nextDue(earned, ladders, grants, now, zone));
    const steps = stepsUntil(earned, ladders, grants, now);
    const decisions = this.decide(row, steps, earned, ladders, grants, now);
    const next: StandingRow = {
      walletId: row.walletId,
      rank: steps.at(-1)?.rank ?? 0,
      steps,
      version: row.version + BigInt(decisions.length),
      state: ahead === Infinity ? writeEarned(pruned(earned, ladders, zone)) : null,
      rules: rulesNumber(ladders),
      evaluatedAt: new Date(now),
      dueAt: due === Infinity ? null : new Date(due),
    };
    return { row: next, decisions, event: decisions.length === 0 ? null : eventOf(next, now) };
  }

  /**
   * Records a decision for each unpublished step, even if several pass at once. If late facts only remove steps, one decision states
   * the resulting rank.
   */
  private decide(
    row: StandingRow,
    steps: readonly RankStep[],
    earned: Earned,
    ladders: readonly Ladder[],
    grants: readonly Grant[],
    now: number,
  ): Decision[] {
    const same = agreement(row.steps, steps);
    if (same === row.steps.length && same === steps.length) return [];
    const measure = measureAt(earned, ladders, now, this.config.zone);
    const decision = (step: RankStep | null, from: number): Omit<Decision, 'version'> => {
      const at = step?.since ?? now;
      // the last change at an instant is the result
      const cause = earned.steps.findLast((other) => other.at === at);
      return {
        walletId: row.walletId,
        from,
        to: step?.rank ?? 0,
        source: step?.source ?? 'earned',
        effectiveAt: step === null ? null : new Date(step.since),
        ladderVersion: step?.ladderVersion ?? 0,
        inputs: {
          earnedRank: earnedAt(earned, at),
          cause: cause?.cause ?? (ladders.some(({ validFrom }) => validFrom.getTime() === at) ? 'ladder' : 'grant'),
          causedAt: new Date(at).toISOString(),
          measure: figures(cause?.measure ?? measure),
          grants: grants.filter((grant) => isLive(grant, at)).map(({ id }) => id),
        },
        decidedAt: new Date(now),
      };
    };
    // of two steps at one instant the history keeps the later one; it starts from the rank the earlier one led to
    const replaced = row.steps[same]?.since === steps[same]?.since ? row.steps[same] : undefined;
    const before = (i: number): number => (i === same ? replaced?.rank : undefined) ?? steps[i - 1]?.rank ?? 0;
    const fresh = steps.slice(same).map((step, i) => decision(step, before(same + i)));
    const all = fresh.length > 0 ? fresh : [decision(steps.at(-1) ?? null, row.rank)];
    return all.map((one, i) => ({ ...one, version: row.version + BigInt(i + 1) }));
  }
}

/** The stored state, if it was computed by the rules in force. */
function keptOf(row: StandingRow, ladders: readonly Ladder[]): Earned | null {
  return row.state === null || row.rules !== rulesNumber(ladders) ? null : readEarned(row.state);
}

function figures({ credits, visits, brands }: Standing['measure']): Decision['inputs']['measure'] {
  return { credits: `${credits}`, visits: `${visits}`, brands: `${brands}` };
}

function eventOf({ walletId, steps, version }: StandingRow, now: number): OutboxEvent<typeof TierChangedSchema> {
  const last = steps.at(-1);
  return {
    topic: TOPICS.tiers,
    key: walletId,
    schema: TierChangedSchema,
    body: {
      walletId,
      rank: last?.rank ?? 0,
      tier: last?.tier ?? NO_LADDER.code,
      since: timestampFromDate(new Date(heldSince(steps) ?? now)),
      earnMultiplier: last?.earnMultiplier ?? NO_LADDER.earnMultiplier,
      multiplierFunder: last?.funder ?? NO_LADDER.funder,
      ladderVersion: last?.ladderVersion ?? 0,
      version,
      changedAt: timestampFromDate(new Date(now)),
      steps: steps.slice(-MOST_STEPS).map(({ since, rank, tier, earnMultiplier, funder, ladderVersion }) => ({
        since: timestampFromDate(new Date(since)),
        rank,
        tier,
        earnMultiplier,
        multiplierFunder: funder,
        ladderVersion,
      })),
    },
  };
}
