import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import { fail } from '#libs/kernel';
import { listen, runInTransaction } from '#libs/postgres';

import type { LedgerConfig } from '../ledger.config.js';
import { isMemberRef, linkFrom } from './link.js';
import type { MemberLink, WalletTold } from './link.js';
import { LINKS_CHANNEL, LinksRepository } from './links.repository.js';

const CACHE_SIZE = 200_000;

/** References of one look-up; crm takes no more at a time. */
const LOOK_UP = 100;

interface Question {
  readonly memberRef: string;
  /** Whose link alone will do; null for anybody's. */
  readonly brand: string | null;
  readonly answer: (link: MemberLink | null) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Which wallet a brand's member reference stands for. Memory first, then the ledger's own copy, and on a miss crm is
 * asked once, so that a member can buy in the second after joining. Versions only grow, so that whatever comes late
 * changes nothing.
 */
@Injectable()
export class MemberLinks implements OnModuleInit, OnModuleDestroy {
  private readonly links = new Map<string, MemberLink>();
  /** Running reads, with the newest version heard of meanwhile: what is older than that is not kept. */
  private readonly loading = new Map<string, { memberRef: string; link: Promise<MemberLink | null>; floor: number }>();
  private questions: Question[] = [];
  private asking = false;
  private stop: (() => Promise<void>) | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: LedgerConfig,
    private readonly dataSource: DataSource,
    private readonly repository: LinksRepository,
    private readonly internal: InternalClient,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stop = await listen(this.config.databaseUrl, LINKS_CHANNEL, (payload) => {
      this.hear(payload);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop?.();
  }

  /**
   * The brand's own live link, without a promise when it is in memory. For a foreign one all is done that is done for one that
   * doesn't exist, so that not even the time it takes tells them apart.
   * @throws DomainError `not_found` for an unknown, deleted or foreign reference alike
   */
  ofBrand(brand: string, memberRef: string): MemberLink | Promise<MemberLink> {
    const known = this.links.get(memberRef);
    if (known?.brand === brand) return own(known, brand);
    return this.ask(memberRef, brand).then((link) => own(link, brand));
  }

  /** The link whatever brand it belongs to, for the operator; null when there is none. */
  find(memberRef: string): Promise<MemberLink | null> {
    const known = this.links.get(memberRef);
    return known === undefined ? this.ask(memberRef, null) : Promise.resolve(known);
  }

  /**
   * Whether the brand of a memberRef may be told of a wallet: not once the member has left it or has another wallet, nor where nobody can say.
   * What it reports of earlier business is taken all the same. Kept with the key, so that a repeat is told neither more nor less.
   */
  async toldOf({ memberRef, walletId }: Pick<MemberLink, 'memberRef' | 'walletId'>): Promise<WalletTold> {
    const link = await this.find(memberRef).catch(() => null);
    return link !== null && link.status === 'active' && link.walletId === walletId ? {} : { left: true };
  }

  private ask(memberRef: string, brand: string | null): Promise<MemberLink | null> {
    if (!isMemberRef(memberRef)) return Promise.resolve(null);
    const asked = `${memberRef} ${brand ?? ''}`;
    const running = this.loading.get(asked);
    if (running !== undefined) return running.link;
    const loading = { memberRef, link: this.load(memberRef, brand), floor: 0 };
    this.loading.set(asked, loading);
    const done = (link: MemberLink | null): void => {
      if (this.loading.get(asked) === loading) this.loading.delete(asked);
      if (link !== null && link.version >= loading.floor) this.remember(link);
    };
    loading.link.then(done, () => {
      done(null);
    });
    return loading.link;
  }

  /** Takes a link that crm pushed. */
  async apply(link: MemberLink): Promise<void> {
    await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.put(tx, [link]));
    this.remember(link);
  }

  /** Puts a committed link in memory unless a newer one is there. The one kept longest makes room. */
  remember(link: MemberLink): void {
    const known = this.links.get(link.memberRef);
    if (known !== undefined && known.version >= link.version) return;
    if (this.links.size >= CACHE_SIZE) {
      const oldest = this.links.keys().next();
      if (oldest.done !== true) this.links.delete(oldest.value);
    }
    this.links.set(link.memberRef, link);
  }

  /** While one look-up is under way the next ones gather: many members who join at once cost few queries. */
  private load(memberRef: string, brand: string | null): Promise<MemberLink | null> {
    return new Promise((answer, failed) => {
      this.questions.push({ memberRef, brand, answer, failed });
      if (!this.asking) void this.lookUp();
    });
  }

  private async lookUp(): Promise<void> {
    this.asking = true;
    // one turn of the loop: what is asked together is answered together
    await new Promise((resolve) => setImmediate(resolve));
    while (this.questions.length > 0) {
      const asked = this.questions.splice(0, LOOK_UP);
      try {
        const found = await this.stored(asked.map(({ memberRef }) => memberRef));
        const missing: Question[] = [];
        for (const question of asked) {
          const link = found.get(question.memberRef);
          if (link !== undefined && (question.brand ?? link.brand) === link.brand) question.answer(link);
          else missing.push(question);
        }
        if (missing.length > 0) await this.askCrm(missing);
      } catch (error) {
        for (const { failed } of asked) failed(error);
      }
    }
    this.asking = false;
  }

  private async stored(memberRefs: readonly string[]): Promise<Map<string, MemberLink>> {
    const links = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.find(tx, memberRefs));
    return new Map(links.map((link) => [link.memberRef, link]));
  }

  /** What crm tells is kept in memory alone: its event, which is on the way, brings it into the copy. */
  private async askCrm(questions: readonly Question[]): Promise<void> {
    const refs = [...new Set(questions.map(({ memberRef }) => memberRef))].join(',');
    const told = await this.internal.get<unknown[]>(`${this.config.crmUrl}/internal/v1/links?refs=${refs}`);
    const states = new Map((told ?? []).map((state) => [refOf(state), state]));
    for (const { memberRef, answer } of questions) answer(linkFrom(memberRef, states.get(memberRef)));
  }

  /** Another instance stored a link; null when something may have been missed. */
  private hear(payload: string | null): void {
    if (payload === null) {
      this.links.clear();
      for (const running of this.loading.values()) running.floor = Number.POSITIVE_INFINITY;
      return;
    }
    const [memberRef = '', version = ''] = payload.split(':');
    const known = this.links.get(memberRef);
    if (known !== undefined && known.version < Number(version)) this.links.delete(memberRef);
    for (const running of this.loading.values()) {
      if (running.memberRef === memberRef) running.floor = Math.max(running.floor, Number(version));
    }
  }
}

function refOf(state: unknown): unknown {
  return typeof state === 'object' && state !== null ? Reflect.get(state, 'memberRef') : null;
}

function own(link: MemberLink | null, brand: string): MemberLink {
  if (link === null || link.brand !== brand || link.status !== 'active') return fail('not_found');
  return link;
}
