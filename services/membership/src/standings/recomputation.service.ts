import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG } from '#libs/http';
import { timeline } from '../credits/credits.js';
import { FactsService } from '../credits/facts.service.js';
import { GrantSourcesService } from '../grants/grant-sources.service.js';
import { rulesNumber } from '../ladders/ladder.js';
import { LaddersService } from '../ladders/ladders.service.js';
import type { MembershipConfig } from '../membership.config.js';
import { advance, pruned, readEarned, unearned, writeEarned } from './earned.js';
import { agreement, stepsUntil } from './ranks.js';
import { StandingsRepository } from './standings.repository.js';

const BATCH = 500;

export interface Differences {
  readonly wallets: number;
  /** Wallets whose stored credits are not Σ orders − returns. */
  readonly credits: readonly string[];
  /** Wallets whose stored rank does not follow from the facts. */
  readonly ranks: readonly string[];
}

/** Recomputes standings from the facts alone and compares them with the stored ones. */
@Injectable()
export class RecomputationService {
  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly repository: StandingsRepository,
    private readonly facts: FactsService,
    private readonly ladders: LaddersService,
    private readonly grants: GrantSourcesService,
  ) {}

  async compare(tx: EntityManager): Promise<Differences> {
    const { zone } = this.config;
    const ladders = await this.ladders.all(tx);
    const rules = rulesNumber(ladders);
    const credits: string[] = [];
    const ranks: string[] = [];
    let wallets = 0;
    for (let last = ''; ;) {
      const page = await this.repository.page(tx, last, BATCH);
      const names = page.map(({ walletId }) => walletId);
      const histories = await this.facts.histories(tx, names);
      const grants = await this.grants.of(tx, names);
      for (const row of page) {
        // wallets that wait to be judged, or to be judged again, are not compared
        if (row.state === null || row.evaluatedAt === null || row.rules !== rules) continue;
        wallets += 1;
        const { orders, returns } = histories.get(row.walletId) ?? { orders: [], returns: [] };
        const at = row.evaluatedAt.getTime();
        const earned = advance(unearned(), timeline(orders, returns, ladders, zone), ladders, at, zone);
        const kept = readEarned(row.state);
        const anew = pruned({ ...earned, asOf: kept.asOf }, ladders, zone);
        if (JSON.stringify(pruned(kept, ladders, zone).days.toRows()) !== JSON.stringify(anew.days.toRows()))
          credits.push(row.walletId);
        const steps = stepsUntil(earned, ladders, grants.get(row.walletId) ?? [], at);
        const same =
          row.rank === (steps.at(-1)?.rank ?? 0) &&
          row.steps.length === steps.length &&
          agreement(row.steps, steps) === steps.length &&
          writeEarned({ ...kept, days: anew.days }) === writeEarned({ ...anew, asOf: kept.asOf });
        if (!same) ranks.push(row.walletId);
      }
      last = names.at(-1) ?? '';
      if (page.length < BATCH) break;
    }
    return { wallets, credits, ranks };
  }

  /** Wallets whose rank differs from their last decision. */
  undecided(tx: EntityManager): Promise<string[]> {
    return this.repository.undecided(tx);
  }
}
