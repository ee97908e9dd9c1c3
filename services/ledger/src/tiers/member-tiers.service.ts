import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { CONFIG } from '#libs/http';
import { listen } from '#libs/postgres';

import type { LedgerConfig } from '../ledger.config.js';
import { tierAt } from './tier.js';
import type { MemberTier, TierBenefit } from './tier.js';
import { TIERS_CHANNEL, TiersRepository } from './tiers.repository.js';

const CACHE_SIZE = 200_000;

/** Wallets that are read together. */
interface Read {
  readonly wallets: Set<string>;
  readonly found: Promise<ReadonlyMap<string, MemberTier>>;
  /** Wallets whose ranks changed while it ran: what it found of them is not kept. */
  readonly changed: Set<string>;
}

/**
 * Members' ranks in memory as far as they were asked for, so that an order costs no query. That a wallet has none is remembered as
 * well: most have none. Versions only grow, so that whatever comes late changes nothing.
 */
@Injectable()
export class MemberTiers implements OnModuleInit, OnModuleDestroy {
  private readonly tiers = new Map<string, MemberTier>();
  private readonly running = new Set<Read>();
  /** Takes wallets until the loop turns: what is asked together is read together. */
  private next: Read | null = null;
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
    return known === undefined ? this.read(walletId).then((tier) => tierAt(tier, at)) : tierAt(known, at);
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

  private async read(walletId: string): Promise<MemberTier> {
    const read = (this.next ??= this.begin());
    read.wallets.add(walletId);
    const tier = (await read.found).get(walletId) ?? { walletId, version: 0, steps: [] };
    if (!read.changed.has(walletId) && !read.changed.has('*')) this.remember(tier);
    return tier;
  }

  private begin(): Read {
    const wallets = new Set<string>();
    const read: Read = { wallets, found: this.find(wallets), changed: new Set() };
    this.running.add(read);
    const done = (): void => void this.running.delete(read);
    read.found.then(done, done);
    return read;
  }

  private async find(wallets: ReadonlySet<string>): Promise<ReadonlyMap<string, MemberTier>> {
    await new Promise((resolve) => setImmediate(resolve));
    this.next = null;
    const found = await this.repository.find(this.dataSource.manager, [...wallets]);
    return new Map(found.map((tier) => [tier.walletId, tier]));
  }

  /** Ranks were stored, here or by another instance; null when something may have been missed. */
  private hear(payload: string | null): void {
    const [walletId = '', version = ''] = payload?.split(':') ?? ['*'];
    if (payload === null) this.tiers.clear();
    else if ((this.tiers.get(walletId)?.version ?? Infinity) < Number(version)) this.tiers.delete(walletId);
    for (const read of this.running) read.changed.add(walletId);
  }
}
