import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { listen, runInTransaction } from '#libs/postgres';

import { CONFIG } from '#libs/http';
import type { LedgerConfig } from '../ledger.config.js';
import { EarningRulesRepository, RULES_CHANNEL } from './earning-rules.repository.js';
import type { RuleVersion } from './rule.js';

/** All rule versions of one brand. */
export interface BrandRules {
  all: readonly RuleVersion[];
  byId: ReadonlyMap<string, RuleVersion>;
}

/**
 * The rules of each brand in memory, so that an order needs no query for them. A new version drops the brand's copy in
 * every instance; a load that began before the drop is not kept.
 */
@Injectable()
export class RuleBook implements OnModuleInit, OnModuleDestroy {
  private readonly books = new Map<string, BrandRules>();
  private readonly loading = new Map<string, Promise<BrandRules>>();
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

  /** The rules of a brand, from memory when they are there. */
  of(brand: string): BrandRules | Promise<BrandRules> {
    return this.books.get(brand) ?? this.load(brand);
  }

  /** Drops the copy of one brand, or of all (null). */
  forget(brand: string | null): void {
    this.generation += 1;
    this.loading.clear();
    if (brand === null) this.books.clear();
    else this.books.delete(brand);
  }

  private load(brand: string): Promise<BrandRules> {
    const running = this.loading.get(brand);
    if (running !== undefined) return running;
    const load = this.read(brand, this.generation);
    this.loading.set(brand, load);
    const done = (): void => {
      if (this.loading.get(brand) === load) this.loading.delete(brand);
    };
    load.then(done, done);
    return load;
  }

  private async read(brand: string, generation: number): Promise<BrandRules> {
    const all = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.ofBrand(tx, brand));
    const book = { all, byId: new Map(all.map((rule) => [rule.id, rule])) };
    if (generation === this.generation) this.books.set(brand, book);
    return book;
  }
}
