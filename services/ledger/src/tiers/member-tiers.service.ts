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

/** Wallets of one read. */
const READ = 1_000;

/**
 * Members' ranks in memory as far as they were asked for, so that an order costs no query. That a wallet has none is remembered as
 * well: most have none. Versions only grow, so that whatever comes late changes nothing.
 */
@Injectable()
export class MemberTiersService implements OnModuleInit, OnModuleDestroy {
  private readonly tiers = new Map<string, MemberTier>();
  private readonly reads = new Batches<string, MemberTier>((wallets) => this.read(wallets), { batch: READ });
  /** Wallets whose ranks changed during the read under way: what it finds of them is not kept. */
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

  /** The rank in force at an instant, or null; without a promise when the wallet is in memory. */
  at(walletId: string, at: Date): TierBenefit | null | Promise<TierBenefit | null> {
    const known = this.tiers.get(walletId);
    return known === undefined ? this.reads.add(walletId).then((tier) => tierAt(tier, at)) : tierAt(known, at);
  }

  /** Puts committed ranks in memory unless newer ones are there. The wallet kept longest makes room. */
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

  /** Ranks were stored, here or by another instance; null when something may have been missed. */
  private hear(payload: string | null): void {
    const [walletId = '', version = ''] = payload?.split(':') ?? ['*'];
    if (payload === null) this.tiers.clear();
    else if ((this.tiers.get(walletId)?.version ?? Infinity) < Number(version)) this.tiers.delete(walletId);
    this.changed?.add(walletId);
  }
}
