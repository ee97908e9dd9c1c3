import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { CONFIG } from '#libs/http';
import { fail, uuidFromId } from '#libs/kernel';
import { listen, runInTransaction } from '#libs/postgres';

import type { LedgerConfig } from '../ledger.config.js';
import { EarningRulesRepository, RULES_CHANNEL } from './earning-rules.repository.js';
import type { RulesInForce } from './earning-rules.repository.js';
import type { RuleVersion } from './rule.js';

/** Spans cached per brand, the most recently loaded ones; late orders seldom need many. */
const SPANS = 32;
/** Versions cached for returns. They never change. */
const VERSIONS = 10_000;

/**
 * The rules of each brand in memory, so that an order needs no query. They are cached per span between two changes, regardless of
 * the number of versions. A new version drops the brand's spans in every instance; a load that began before the drop is not cached.
 */
@Injectable()
export class RuleBookService implements OnModuleInit, OnModuleDestroy {
  private readonly spans = new Map<string, RulesInForce[]>();
  private readonly loading = new Map<string, Promise<RulesInForce>>();
  private readonly versions = new Map<string, RuleVersion>();
  private generation = 0;
  private stop: (() => Promise<void>) | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly dataSource: DataSource,
    private readonly repository: EarningRulesRepository,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stop = await listen(this.config.databaseUrl, RULES_CHANNEL, (brand) => {
      this.forget(brand);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop?.();
  }

  /** Returns the rules of a brand in force at an instant, one version of each name; synchronously if they are in memory. */
  inForce(brand: string, at: Date): readonly RuleVersion[] | Promise<readonly RuleVersion[]> {
    return this.spans.get(brand)?.find((span) => covers(span, at))?.rules ?? this.load(brand, at);
  }

  /**
   * Versions by id under which orders of the brand were posted, whenever they were in force.
   * @throws DomainError `unavailable` if one is missing, for example on a database behind the one the order was read from
   */
  async byId(brand: string, ids: Iterable<string>): Promise<ReadonlyMap<string, RuleVersion>> {
    const wanted = [...new Set(ids)];
    const missing = wanted.filter((id) => !this.versions.has(id));
    const found = new Map(wanted.flatMap((id) => this.versions.get(id) ?? []).map((rule) => [rule.id, rule]));
    if (missing.length > 0) {
      const uuids = missing.flatMap((id) => uuidFromId('er', id) ?? []);
      const read = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.byId(tx, uuids));
      for (const rule of read) {
        found.set(rule.id, rule);
        this.keep(rule);
      }
    }
    return found.size === wanted.length ? found : fail('unavailable', { retryAfter: 1 });
  }

  /** Drops the cached spans of one brand, or of all brands (null). */
  forget(brand: string | null): void {
    this.generation += 1;
    this.loading.clear();
    if (brand === null) this.spans.clear();
    else this.spans.delete(brand);
  }

  /** One query per brand at a time: concurrent callers mostly need the same span. */
  private async load(brand: string, at: Date): Promise<readonly RuleVersion[]> {
    for (;;) {
      const running = this.loading.get(brand);
      if (running === undefined) break;
      const span = await running;
      if (covers(span, at)) return span.rules;
    }
    const load = this.read(brand, at, this.generation);
    this.loading.set(brand, load);
    try {
      return (await load).rules;
    } finally {
      if (this.loading.get(brand) === load) this.loading.delete(brand);
    }
  }

  private async read(brand: string, at: Date, generation: number): Promise<RulesInForce> {
    const span = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.inForce(tx, brand, at));
    if (generation === this.generation) {
      this.spans.set(brand, [span, ...(this.spans.get(brand) ?? [])].slice(0, SPANS));
    }
    return span;
  }

  private keep(rule: RuleVersion): void {
    const [oldest] = this.versions.keys();
    if (this.versions.size >= VERSIONS && oldest !== undefined) this.versions.delete(oldest);
    this.versions.set(rule.id, rule);
  }
}

function covers({ from, to }: RulesInForce, at: Date): boolean {
  return (from === null || from <= at) && (to === null || at < to);
}
