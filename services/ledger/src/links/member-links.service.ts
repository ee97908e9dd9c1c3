import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { InternalClient } from '#libs/auth';
import { fail } from '#libs/kernel';
import { listen, runInTransaction } from '#libs/postgres';

import { CONFIG } from '#libs/http';
import type { LedgerConfig } from '../ledger.config.js';
import { isMemberRef, linkFrom } from './link.js';
import type { MemberLink } from './link.js';
import { LINKS_CHANNEL, LinksRepository } from './links.repository.js';

const CACHE_SIZE = 200_000;

/**
 * Which wallet a brand's member reference stands for. Memory first, then the ledger's own copy, and on a miss crm is
 * asked once, so that a member can buy in the second after joining.
 */
@Injectable()
export class MemberLinks implements OnModuleInit, OnModuleDestroy {
  private readonly links = new Map<string, MemberLink>();
  /** Running reads. A drop removes its read from here, and a read that was removed is not kept. */
  private readonly loading = new Map<string, Promise<MemberLink | null>>();
  private stop: (() => Promise<void>) | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly dataSource: DataSource,
    private readonly repository: LinksRepository,
    private readonly internal: InternalClient,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stop = await listen(this.config.databaseUrl, LINKS_CHANNEL, (memberRef) => {
      this.forget(memberRef);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop?.();
  }

  /**
   * The brand's own live link, without a promise when it is in memory.
   * @throws DomainError `not_found` for an unknown, deleted or foreign reference alike
   */
  ofBrand(brand: string, memberRef: string): MemberLink | Promise<MemberLink> {
    const known = this.links.get(memberRef);
    if (known !== undefined) return own(known, brand);
    return this.find(memberRef).then((link) => own(link, brand));
  }

  /** The link whatever brand it belongs to, for the operator; null when there is none. */
  find(memberRef: string): Promise<MemberLink | null> {
    const known = this.links.get(memberRef);
    if (known !== undefined) return Promise.resolve(known);
    if (!isMemberRef(memberRef)) return Promise.resolve(null);
    const running = this.loading.get(memberRef);
    if (running !== undefined) return running;
    const load: Promise<MemberLink | null> = this.load(memberRef).then(
      (link) => {
        if (this.loading.get(memberRef) === load) {
          this.loading.delete(memberRef);
          if (link !== null) this.remember(link);
        }
        return link;
      },
      (error: unknown) => {
        if (this.loading.get(memberRef) === load) this.loading.delete(memberRef);
        throw error;
      },
    );
    this.loading.set(memberRef, load);
    return load;
  }

  /** Takes a link that crm pushed. */
  async apply(link: MemberLink): Promise<void> {
    await this.store(link);
    this.forget(link.memberRef);
  }

  /** Drops one link from memory, or all (null). */
  forget(memberRef: string | null): void {
    if (memberRef === null) {
      this.links.clear();
      this.loading.clear();
    } else {
      this.links.delete(memberRef);
      this.loading.delete(memberRef);
    }
  }

  private async load(memberRef: string): Promise<MemberLink | null> {
    const context = { brand: '*' };
    const stored = await runInTransaction(this.dataSource, context, (tx) => this.repository.find(tx, memberRef));
    if (stored !== null) return stored;
    const told = await this.internal.get<unknown>(`${this.config.crmUrl}/internal/v1/links/${memberRef}`);
    const link = linkFrom(memberRef, told);
    if (link !== null) await this.store(link);
    return link;
  }

  private store(link: MemberLink): Promise<void> {
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.put(tx, [link]));
  }

  /** The one loaded longest ago makes room. */
  private remember(link: MemberLink): void {
    if (this.links.size >= CACHE_SIZE) {
      const oldest = this.links.keys().next();
      if (oldest.done !== true) this.links.delete(oldest.value);
    }
    this.links.set(link.memberRef, link);
  }
}

function own(link: MemberLink | null, brand: string): MemberLink {
  if (link === null || link.brand !== brand || link.status !== 'active') return fail('not_found');
  return link;
}
