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

/** A day of the alliance. */
export interface Day {
  /** `2026-03-02` */
  readonly key: string;
  readonly from: Date;
  readonly to: Date;
}

/** What a brand gives within a day, as this process knows it. */
interface Count {
  readonly brand: string;
  readonly day: Day;
  /** What was given and what is under way. */
  own: bigint;
  underWay: bigint;
  others: bigint;
  /** What the operator has agreed to. */
  agreed: bigint;
  limit: bigint;
  changed: boolean;
  /** Calls that may be over the limit or not, as what is under way is given or not. */
  waiting: (() => void)[];
}

/**
 * Counts what brands give within a day. Each process counts its own in memory, before it posts, and a second later at the latest tells
 * the others through a row of its own: no call waits for a row. So one process is never over the limit, and several are by no more than
 * what the others gave within the second before; a crash forgets as much. What is under way counts, a repeat too until it is known to be one;
 * but nothing is refused for it: who may be over the limit waits for what becomes of it.
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

  /** One run after the other: a later one must not be overtaken by an earlier one. */
  beforeApplicationShutdown(): Promise<void> {
    return this.keeping.run();
  }

  /** The alliance's day of an instant. */
  dayOf(instant: Date): Day {
    const { today } = this;
    if (today !== null && instant >= today.from && instant < today.to) return today;
    const { zone } = this.config;
    this.today = { key: dayKey(instant, zone), ...dayBounds(instant, zone) };
    return this.today;
  }

  /**
   * Counts points that are about to be given, until `end`, unless what was given leaves no room for them: then says up to which multiple of
   * the limit more would have to be agreed to.
   */
  take(brand: string, day: Day, points: bigint, limit: bigint): bigint | null | Promise<bigint | null> {
    const count = this.counts.get(`${day.key} ${brand}`);
    const taken = count === undefined ? 'unknown' : takeOf(count, points, limit);
    return typeof taken === 'string' ? this.takeLater(brand, day, points, limit) : taken;
  }

  /** Counts points that are about to be given, until `end`, whatever the limit. */
  async add(brand: string, day: Day, points: bigint): Promise<void> {
    begin(await this.load(brand, day), points);
  }

  /** What was counted was given, or was not. */
  end(brand: string, day: Day, points: bigint, isGiven: boolean): void {
    const count = this.counts.get(`${day.key} ${brand}`);
    if (count === undefined) return;
    count.underWay -= points;
    if (!isGiven) count.own -= points;
    count.changed = true;
    for (const next of count.waiting.splice(0)) next();
  }

  /** The brand may give so much on that day. */
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

/** What `take` says; `later` where that depends on what is under way. */
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
