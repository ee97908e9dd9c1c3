import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG } from '#libs/http';
import { AllianceClock, formatInstant } from '#libs/kernel';
import { timeline } from '../credits/credits.js';
import { FactsService } from '../credits/facts.service.js';
import { GrantSourcesService } from '../grants/grant-sources.service.js';
import type { MembershipConfig } from '../membership.config.js';
import { advance, unearned } from '../standings/earned.js';
import { rankAt } from '../standings/ranks.js';
import type { Grant } from '../standings/ranks.js';
import type { History } from '../standings/standing.js';
import { StandingRowsService } from '../standings/standing-rows.service.js';
import { nextReview } from '../standings/window.js';
import type { Ladder } from './ladder.js';

const BATCH = 500;

interface Move {
  from: number;
  to: number;
  members: number;
}

/** Numbers of members by rank before and after, without names. */
export interface Moves {
  members: number;
  atStart: { at: string; moves: Move[] };
  /** After the first judgement under the new rules, assuming no further purchases. */
  atNextReview: { at: string; moves: Move[] } | null;
}

/** Computes which members would move under other ladders. */
@Injectable()
export class DryRunService {
  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly clock: AllianceClock,
    private readonly standings: StandingRowsService,
    private readonly facts: FactsService,
    private readonly grants: GrantSourcesService,
  ) {}

  async run(tx: EntityManager, before: readonly Ladder[], after: readonly Ladder[], validFrom: Date): Promise<Moves> {
    const start = Math.max(this.clock.now().getTime(), validFrom.getTime());
    const review = nextReview(after, start, this.config.zone)?.at ?? null;
    const counts = { members: 0, start: new Map<string, number>(), review: new Map<string, number>() };
    const count = (table: Map<string, number>, from: number, to: number): void => {
      if (from !== to) table.set(`${from} ${to}`, (table.get(`${from} ${to}`) ?? 0) + 1);
    };
    for (let last = ''; ;) {
      const wallets = await this.standings.walletsAfter(tx, last, BATCH);
      const histories = await this.facts.histories(tx, wallets);
      const grants = await this.grants.of(tx, wallets);
      for (const wallet of wallets) {
        const history = histories.get(wallet) ?? { orders: [], returns: [] };
        const given = grants.get(wallet) ?? [];
        counts.members += 1;
        const from = this.rank(history, before, given, start);
        count(counts.start, from, this.rank(history, after, given, start));
        if (review !== null) count(counts.review, from, this.rank(history, after, given, review));
      }
      last = wallets.at(-1) ?? '';
      if (wallets.length < BATCH) break;
    }
    return {
      members: counts.members,
      atStart: { at: formatInstant(new Date(start)), moves: movesOf(counts.start) },
      atNextReview: review === null ? null : { at: formatInstant(new Date(review)), moves: movesOf(counts.review) },
    };
  }

  private rank(history: History, ladders: readonly Ladder[], grants: readonly Grant[], t: number): number {
    const items = timeline(history.orders, history.returns, ladders, this.config.zone);
    return rankAt(advance(unearned(), items, ladders, t, this.config.zone), ladders, grants, t);
  }
}

function movesOf(table: ReadonlyMap<string, number>): Move[] {
  return [...table]
    .map(([key, members]) => {
      const [from = 0, to = 0] = key.split(' ').map(Number);
      return { from, to, members };
    })
    .sort((a, b) => a.from - b.from || a.to - b.to);
}
