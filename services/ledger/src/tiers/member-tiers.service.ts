import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { CONFIG } from '#libs/http';
import { listen, runInTransaction } from '#libs/postgres';

import type { LedgerConfig } from '../ledger.config.js';
import { tierAt } from './tier.js';
import type { MemberTier } from './tier.js';
import { TIERS_CHANNEL, TiersRepository } from './tiers.repository.js';

const FIRST = '00000000-0000-0000-0000-000000000000';
const CHUNK = 10_000;

/**
 * All members' ranks in memory, so that an order asks nobody: most wallets have none, and not knowing one would otherwise cost a
 * query an order. Versions only grow, so that whatever comes late changes nothing.
 */
@Injectable()
export class MemberTiers implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(MemberTiers.name);
  private readonly tiers = new Map<string, MemberTier>();
  private readonly heard = new Set<string>();
  private reading: Promise<void> | null = null;
  private stop: (() => Promise<void>) | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly dataSource: DataSource,
    private readonly repository: TiersRepository,
  ) {}

  async onModuleInit(): Promise<void> {
    // listening comes first, so that nothing is missed between the two
    this.stop = await listen(this.config.databaseUrl, TIERS_CHANNEL, (payload) => {
      this.hear(payload);
    });
    await this.load(null);
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop?.();
    await this.reading;
  }

  /** The rank that counts at an instant, or null; costs a look-up in memory. */
  of(walletId: string, at: Date): MemberTier | null {
    const tier = this.tiers.get(walletId);
    return tier === undefined ? null : tierAt(tier, at);
  }

  /** Puts a committed rank in memory unless a newer one is there. */
  remember(tier: MemberTier): void {
    const known = this.tiers.get(tier.walletId);
    if (known === undefined || known.version < tier.version) this.tiers.set(tier.walletId, tier);
  }

  /** Another instance stored a rank; null when something may have been missed. */
  private hear(payload: string | null): void {
    const [walletId = '', version = ''] = payload?.split(':') ?? ['*'];
    const known = this.tiers.get(walletId);
    if (known !== undefined && known.version >= Number(version)) return;
    this.heard.add(walletId);
    this.reading ??= this.read();
  }

  private async read(): Promise<void> {
    try {
      while (this.heard.size > 0) {
        const wallets = [...this.heard];
        this.heard.clear();
        await this.load(wallets.includes('*') ? null : wallets);
      }
    } catch (error) {
      // the next notice, or the reconnection that will follow a lost connection, reads again
      this.log.warn(error);
    } finally {
      this.reading = null;
    }
  }

  private async load(wallets: readonly string[] | null): Promise<void> {
    for (let after = FIRST; ;) {
      const from = after;
      const chunk = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
        this.repository.page(tx, from, CHUNK, wallets),
      );
      for (const tier of chunk) this.remember(tier);
      const last = chunk.at(-1);
      if (last === undefined || chunk.length < CHUNK) return;
      after = last.walletId;
    }
  }
}
