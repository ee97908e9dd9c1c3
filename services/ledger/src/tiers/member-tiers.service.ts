import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { CONFIG } from '#libs/http';
import { Batches } from '#libs/kernel';
import { listen } from '#libs/postgres';

import type { LedgerConfig } from '../ledger.config.js';
import { tierAt } from './tier.js';
import type { MemberTier, TierBenefit } from './tier.js';
import { TIERS_CHANNEL, TiersRepository } from './tiers.repository.js';

const CACHE_SIZE = 200_000;

const READ = 1_000;

/**
 * Caches members' tiers as they are requested, so that an order needs no query. Wallets without a tier are cached too, since most
 * have none. Versions only grow, so a late update changes nothing.
 */
@Injectable()
export class MemberTiersService implements OnModuleInit, OnModuleDestroy {
  private readonly tiers = new Map<string, MemberTier>();
  private readonly reads = new Batches<string, MemberTier>((wallets) => this.read(wallets), { batch: READ });
  /** Wallets whose tiers changed during the running read; its results for them are not cached. */
  private changed: Set<string> | null = null;
  private stop: (() => Promise<void>) | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly dataSource: DataSource,
    private readonly repository: TiersRepository,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stop = await listen(this.config.databaseUrl, TIERS_CHANNEL, (payload) => {
      this.hear(payload);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop?.();
  }

  /** Returns the tier in force at an instant, or null; synchronously if the wallet is cached. */
  at(walletId: string, at: Date): TierBenefit | null | Promise<TierBenefit | null> {
    const known = this.tiers.get(walletId);
    return known === undefined ? this.reads.add(walletId).then((tier) => tierAt(tier, at)) : tierAt(known, at);
  }

  /** Caches committed tiers unless newer ones are cached. If the cache is full, the oldest entry is removed. */
  remember(tier: MemberTier): void {
    const known = this.tiers.get(tier.walletId);
    if (known !== undefined && known.version >= tier.version) return;
    if (this.tiers.size >= CACHE_SIZE) {
      const oldest = this.tiers.keys().next();
      if (oldest.done !== true) this.tiers.delete(oldest.value);
    }
    this.tiers.set(tier.walletId, tier);
  }

  private async read(wallets: readonly string[]): Promise<MemberTier[]> {
    const changed = (this.changed = new Set());
    try {
      const found = await this.repository.find(this.dataSource.manager, [...new Set(wallets)]);
      const tiers = new Map(found.map((tier) => [tier.walletId, tier]));
      return wallets.map((walletId) => {
        const tier = tiers.get(walletId) ?? { walletId, version: 0, steps: [] };
        if (!changed.has(walletId) && !changed.has('*')) this.remember(tier);
        return tier;
      });
    } finally {
      this.changed = null;
    }
  }

  /** Handles a notice of stored tiers, from this or another instance; null if notices may have been missed. */
  private hear(payload: string | null): void {
    const [walletId = '', version = ''] = payload?.split(':') ?? ['*'];
    if (payload === null) this.tiers.clear();
    else if ((this.tiers.get(walletId)?.version ?? Infinity) < Number(version)) this.tiers.delete(walletId);
    this.changed?.add(walletId);
  }
}
