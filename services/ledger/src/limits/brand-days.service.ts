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

const share = gauge('hezong_brand_day_share', 'What a brand gave today, of what it may give within a day.', ['brand']);

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
  own: bigint;
  others: bigint;
  /** What the operator has agreed to. */
  agreed: bigint;
  limit: bigint;
  changed: boolean;
}

/**
 * Counts what brands give within a day. Each process counts its own in memory, before it posts, and a second later at the latest tells
 * the others through a row of its own: no call waits for a row. So one process is never over the limit, and several are by no more than
 * what the others gave within the second before; a crash forgets as much. What is under way counts, a repeat too until it is known to be one.
 */
@Injectable()
export class BrandDays implements BeforeApplicationShutdown {
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
    this.keeping = jobs.every(KEEP_MS, BrandDays.name, () => this.exchange());
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

  /** Counts points that are about to be given, unless they are over the limit: then says up to which multiple of it more would have to be agreed to. */
  take(brand: string, day: Day, points: bigint, limit: bigint): bigint | null | Promise<bigint | null> {
    const count = this.counts.get(`${day.key} ${brand}`);
    return count === undefined
      ? this.load(brand, day).then((loaded) => takeOf(loaded, points, limit))
      : takeOf(count, points, limit);
  }

  /** Counts points whatever the limit, or takes back what was counted and not given. */
  async add(brand: string, day: Day, points: bigint): Promise<void> {
    const count = this.counts.get(`${day.key} ${brand}`) ?? (await this.load(brand, day));
    count.own += points;
    count.changed = true;
  }

  /** The brand may give so much on that day. */
  async agree(brand: string, day: Day, upTo: bigint): Promise<void> {
    const count = await this.load(brand, day);
    if (upTo > count.agreed) count.agreed = upTo;
    count.changed = true;
    await this.keeping.attempt();
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
        const count = { brand, day, own: 0n, others, agreed, limit: 0n, changed: false };
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
      const rows = changed.map(({ brand, day, own, agreed }) => ({
        brand,
        day: day.key,
        points: own,
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
      else if (!count.changed && count.day.key < today.key) this.counts.delete(name);
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

function takeOf(count: Count, points: bigint, limit: bigint): bigint | null {
  count.limit = limit;
  const total = count.own + count.others + points;
  if (total > limit && total > count.agreed) return ((total + limit - 1n) / limit) * limit;
  count.own += points;
  count.changed = true;
  return null;
}
