import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { listen } from '#libs/postgres';
import type { Brand } from './brand.js';
import { BrandCache } from './brand-cache.js';
import { DIRECTORY_CHANNEL, allSnapshots, findSnapshot, storeSnapshot } from './brand-directory.repository.js';
import type { Queryable } from './brand-directory.repository.js';
import { brandFromSnapshot } from './brand-snapshot.js';
import type { BrandSnapshot } from './brand-snapshot.js';

export const DIRECTORY_OPTIONS = Symbol('DIRECTORY_OPTIONS');

export interface DirectoryOptions {
  readonly databaseUrl: string;
  /** Base URL of the partners service, called once when a brand is not known here yet. */
  readonly partnersUrl: string;
}

/**
 * Every service's own copy of the brands. Reads are served from memory. The table behind it is filled by events, by pushes from partners
 * and by look-ups at partners on a miss. Versions only increase, so the three may arrive in any order.
 */
@Injectable()
export class BrandDirectory implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(BrandDirectory.name);
  private readonly cache = new BrandCache();
  private readonly loading = new Map<string, Promise<Brand | null>>();
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(DIRECTORY_OPTIONS) private readonly options: DirectoryOptions,
    private readonly dataSource: DataSource,
    private readonly internal: InternalClient,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stopListening = await listen(this.options.databaseUrl, DIRECTORY_CHANNEL, (payload) => this.hear(payload));
  }

  async onModuleDestroy(): Promise<void> {
    await this.stopListening?.();
  }

  /**
   * The brand, or null when the alliance has none with this slug. Rejects with `unavailable` when neither the copy nor partners can answer.
   */
  get(slug: string): Promise<Brand | null> {
    const cached = this.cache.get(slug);
    if (cached !== undefined) return Promise.resolve(cached);
    const running = this.loading.get(slug);
    if (running !== undefined) return running;
    const load = this.load(slug).finally(() => this.loading.delete(slug));
    this.loading.set(slug, load);
    return load;
  }

  /** The brand if it is in memory: for hot paths that avoid a microtask. */
  peek(slug: string): Brand | undefined {
    return this.cache.get(slug);
  }

  /** All brands of the local copy, in order of slug. Calls no other service, so it may lag behind partners. */
  async list(tx: Queryable = this.dataSource): Promise<Brand[]> {
    const snapshots = await allSnapshots(tx);
    return snapshots.map((s) => this.cache.put(s) ?? brandFromSnapshot(s));
  }

  /** Stores a snapshot unless the copy is as new or newer; true when it was stored. */
  async apply(snapshot: BrandSnapshot): Promise<boolean> {
    const taken = await storeSnapshot(this.dataSource, snapshot);
    this.remember(snapshot);
    return taken;
  }

  /** Like `apply`, inside a caller's transaction; call {@link remember} after its commit. */
  async applyIn(tx: Queryable, snapshot: BrandSnapshot): Promise<boolean> {
    return storeSnapshot(tx, snapshot);
  }

  /** Puts a committed snapshot in memory. */
  remember(snapshot: BrandSnapshot): void {
    this.cache.put(snapshot);
  }

  private async load(slug: string): Promise<Brand | null> {
    for (let attempt = 0; attempt < 3; attempt++) {
      const stored = await findSnapshot(this.dataSource, slug);
      if (stored === null) return this.ask(slug);
      const brand = this.cache.put(stored);
      if (brand !== undefined) return brand;
      // A newer version was announced during the read; read again.
    }
    return this.ask(slug);
  }

  private async ask(slug: string): Promise<Brand | null> {
    const url = `${this.options.partnersUrl}/internal/v1/brands/${encodeURIComponent(slug)}`;
    const snapshot = await this.internal.get<BrandSnapshot>(url);
    if (snapshot === null) return null;
    await this.apply(snapshot);
    return this.cache.get(slug) ?? brandFromSnapshot(snapshot);
  }

  private hear(payload: string | null): void {
    if (payload === null) {
      this.cache.clear();
      return;
    }
    const colon = payload.lastIndexOf(':');
    const version = Number(payload.slice(colon + 1));
    if (colon < 1 || !Number.isSafeInteger(version)) {
      this.log.warn(`unreadable notification on ${DIRECTORY_CHANNEL}`);
      return;
    }
    this.cache.invalidate(payload.slice(0, colon), version);
  }
}
