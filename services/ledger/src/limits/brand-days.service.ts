import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';

import { CONFIG } from '#libs/http';
import { Jobs } from '#libs/jobs';
import type { Job } from '#libs/jobs';
import { dayBounds, dayKey, uuidv7 } from '#libs/kernel';
import { gauge } from '#libs/observability';

import type { LedgerConfig } from '../ledger.config.js';
import { BrandDaysRepository } from './brand-days.repository.js';

const KEEP_MS = 1_000;

const share = gauge('hezong_brand_day_share', 'Share of its daily limit that a brand has given today.', ['brand']);

/** A calendar day in the alliance's time zone. */
export interface Day {
  /** `2026-03-02` */
  readonly key: string;
  readonly from: Date;
  readonly to: Date;
}

/** Points a brand gives on one day, as known to this process. */
interface Count {
  readonly brand: string;
  readonly day: Day;
  /** Points given and points under way. */
  own: bigint;
  underWay: bigint;
  others: bigint;
  /** Allowance approved by the operator. */
  agreed: bigint;
  limit: bigint;
  changed: boolean;
  /** Calls whose result depends on whether points under way are given. */
  waiting: (() => void)[];
}

/**
 * Counts the points that brands give per day. Each process counts its own in memory before it posts, and publishes the count through
 * its own row within a second, so that no call waits for a row. One process therefore never exceeds the limit; several exceed it by
 * at most what the others gave within the last second. A crash loses the same amount. Points under way count, including those of a
 * repeat until it is recognized as one. They cause no refusal: a call that may exceed the limit waits for their result.
 */
@Injectable()
export class BrandDaysService implements BeforeApplicationShutdown {
  private readonly process = uuidv7();
  private readonly counts = new Map<string, Count>();
  private readonly loading = new Map<string, Promise<Count>>();
  private today: Day | null = null;
  private readonly keeping: Job;

  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly repository: BrandDaysRepository,
    jobs: Jobs,
  ) {
    this.keeping = jobs.every(KEEP_MS, BrandDaysService.name, () => this.exchange());
  }

  /** Runs after any run in progress, so that the last run is not overtaken by an earlier one. */
  beforeApplicationShutdown(): Promise<void> {
    return this.keeping.run();
  }

  dayOf(instant: Date): Day {
    const { today } = this;
    if (today !== null && instant >= today.from && instant < today.to) return today;
    const { zone } = this.config;
    this.today = { key: dayKey(instant, zone), ...dayBounds(instant, zone) };
    return this.today;
  }

  /**
   * Counts points about to be given, until `end`, and returns null. If the points already given leave no room, returns instead the
   * multiple of the limit that the operator would have to approve.
   */
  take(brand: string, day: Day, points: bigint, limit: bigint): bigint | null | Promise<bigint | null> {
    const count = this.counts.get(`${day.key} ${brand}`);
    const taken = count === undefined ? 'unknown' : takeOf(count, points, limit);
    return typeof taken === 'string' ? this.takeLater(brand, day, points, limit) : taken;
  }

  /** Counts points about to be given, until `end`, whatever the limit. */
  async add(brand: string, day: Day, points: bigint): Promise<void> {
    begin(await this.load(brand, day), points);
  }

  /** Reports whether the counted points were given. */
  end(brand: string, day: Day, points: bigint, isGiven: boolean): void {
    const count = this.counts.get(`${day.key} ${brand}`);
    if (count === undefined) return;
    count.underWay -= points;
    if (!isGiven) count.own -= points;
    count.changed = true;
    for (const next of count.waiting.splice(0)) next();
  }

  /** Raises the brand's allowance for that day. */
  async agree(brand: string, day: Day, upTo: bigint): Promise<void> {
    const count = await this.load(brand, day);
    if (upTo > count.agreed) count.agreed = upTo;
    count.changed = true;
    await this.keeping.attempt();
  }

  private async takeLater(brand: string, day: Day, points: bigint, limit: bigint): Promise<bigint | null> {
    const count = await this.load(brand, day);
    for (;;) {
      const taken = takeOf(count, points, limit);
      if (taken !== 'later') return taken;
      await new Promise<void>((next) => count.waiting.push(next));
    }
  }

  private load(brand: string, day: Day): Promise<Count> {
    const name = `${day.key} ${brand}`;
    const known = this.counts.get(name);
    if (known !== undefined) return Promise.resolve(known);
    const running = this.loading.get(name);
    if (running !== undefined) return running;
    const load = this.repository
      .ofOthers(this.process, [brand], day.key)
      .then(([row]) => {
        const { points: others, allowed: agreed } = row ?? { points: 0n, allowed: 0n };
        const nothing = { own: 0n, underWay: 0n, limit: 0n, changed: false, waiting: [] };
        const count: Count = { brand, day, others, agreed, ...nothing };
        this.counts.set(name, count);
        return count;
      })
      .finally(() => this.loading.delete(name));
    this.loading.set(name, load);
    return load;
  }

  private async exchange(): Promise<void> {
    const changed = [...this.counts.values()].filter((count) => count.changed);
    if (changed.length > 0) {
      for (const count of changed) count.changed = false;
      const rows = changed.map(({ brand, day, own, underWay, agreed }) => ({
        brand,
        day: day.key,
        points: own - underWay,
        allowed: agreed,
      }));
      try {
        await this.repository.keep(this.process, rows);
      } catch (error) {
        for (const count of changed) count.changed = true;
        throw error;
      }
    }
    const { today } = this;
    if (today === null || this.counts.size === 0) return;
    const current = new Map<string, Count>();
    for (const [name, count] of this.counts) {
      if (count.day.key === today.key) current.set(count.brand, count);
      else if (!count.changed && count.underWay === 0n && count.day.key < today.key) this.counts.delete(name);
    }
    for (const row of await this.repository.ofOthers(this.process, [...current.keys()], today.key)) {
      const count = current.get(row.brand);
      if (count === undefined) continue;
      count.others = row.points;
      if (row.allowed > count.agreed) count.agreed = row.allowed;
    }
    for (const { brand, own, others, agreed, limit } of current.values()) {
      const most = agreed > limit ? agreed : limit;
      if (most > 0n) share.set({ brand }, Number(own + others) / Number(most));
    }
  }
}

/** The result of `take`, or `later` if it depends on points under way. */
function takeOf(count: Count, points: bigint, limit: bigint): bigint | null | 'later' {
  count.limit = limit;
  const most = count.agreed > limit ? count.agreed : limit;
  const total = count.own + count.others + points;
  if (total > most) {
    const given = total - count.underWay;
    return given > most ? ((given + limit - 1n) / limit) * limit : 'later';
  }
  begin(count, points);
  return null;
}

function begin(count: Count, points: bigint): void {
  count.own += points;
  count.underWay += points;
}
