import type { FactoryProvider, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import { Batches, fail } from '#libs/kernel';
import { listen, runInTransaction } from '#libs/postgres';
import { isMemberRef, memberLinkFrom } from './member-link.js';
import type { MemberLink } from './member-link.js';
import { LINKS_CHANNEL, findLinks, storeLinks } from './member-links.repository.js';

const CACHE_SIZE = 200_000;

/** Most references in one look-up; crm accepts no more at a time. */
const LOOK_UP = 100;

interface Question {
  readonly memberRef: string;
  /** Brand whose link is required; null for any brand. */
  readonly brand: string | null;
}

/**
 * Finds the wallet of a brand's memberRef. It looks in memory first, then in the service's own copy, and on a miss asks crm once, so that a
 * member can buy in the second after joining. Versions only increase, so late data change nothing.
 */
export class MemberLinks implements OnModuleInit, OnModuleDestroy {
  private readonly links = new Map<string, MemberLink>();
  /** While one look-up runs, further ones are collected: many members joining at the same time cost few queries. */
  private readonly lookUps = new Batches<Question, MemberLink | null>((asked) => this.lookUp(asked), {
    batch: LOOK_UP,
  });
  /** Versions announced during the running look-up: older results are not kept. */
  private heard: Map<string, number> | null = null;
  private stop: (() => Promise<void>) | undefined;

  constructor(
    private readonly databaseUrl: string,
    private readonly crmUrl: string,
    private readonly dataSource: DataSource,
    private readonly internal: InternalClient,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stop = await listen(this.databaseUrl, LINKS_CHANNEL, (payload) => {
      this.hear(payload);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop?.();
  }

  /**
   * The brand's own live link, without a promise when it is in memory. A foreign link takes the same steps as a missing one, so that timing
   * does not distinguish them.
   * @throws DomainError `not_found` for an unknown, deleted or foreign reference alike
   */
  ofBrand(brand: string, memberRef: string): MemberLink | Promise<MemberLink> {
    const known = this.links.get(memberRef);
    if (known?.brand === brand) return own(known, brand);
    return this.ask(memberRef, brand).then((link) => own(link, brand));
  }

  /** The brand's own link, live or ended; null for a foreign or unknown one, which take the same steps. */
  async everOfBrand(brand: string, memberRef: string): Promise<MemberLink | null> {
    const known = this.links.get(memberRef);
    const link = known?.brand === brand ? known : await this.ask(memberRef, brand);
    return link?.brand === brand ? link : null;
  }

  /**
   * The live link of any brand.
   * @throws DomainError `not_found` for an unknown or deleted reference
   */
  async live(memberRef: string): Promise<MemberLink> {
    const link = await this.find(memberRef);
    return link?.active === true ? link : fail('not_found');
  }

  /** The link of any brand, live or ended; null when there is none. */
  find(memberRef: string): Promise<MemberLink | null> {
    const known = this.links.get(memberRef);
    return known === undefined ? this.ask(memberRef, null) : Promise.resolve(known);
  }

  /** Stores a link pushed by crm. */
  async apply(link: MemberLink): Promise<void> {
    const stored = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => storeLinks(tx, [link]));
    if (stored.length > 0) this.remember(link);
  }

  /** Puts a committed link in memory unless a newer one is there. Evicts the one kept longest. */
  remember(link: MemberLink): void {
    const known = this.links.get(link.memberRef);
    if (known !== undefined && known.version >= link.version) return;
    if (this.links.size >= CACHE_SIZE) {
      const oldest = this.links.keys().next();
      if (oldest.done !== true) this.links.delete(oldest.value);
    }
    this.links.set(link.memberRef, link);
  }

  private ask(memberRef: string, brand: string | null): Promise<MemberLink | null> {
    return isMemberRef(memberRef) ? this.lookUps.add({ memberRef, brand }) : Promise.resolve(null);
  }

  private async lookUp(asked: readonly Question[]): Promise<(MemberLink | null)[]> {
    const heard = (this.heard = new Map<string, number>());
    const found = new Map<string, MemberLink>();
    // a foreign link takes the same look-ups as a missing one
    const missing = (): string[] => {
      const open = asked.filter(({ memberRef, brand }) => {
        const link = found.get(memberRef);
        return link === undefined || (brand ?? link.brand) !== link.brand;
      });
      return [...new Set(open.map(({ memberRef }) => memberRef))];
    };
    const take = (links: readonly MemberLink[]): void => {
      for (const link of links) found.set(link.memberRef, link);
    };
    try {
      // the previous look-up may have loaded it
      take(asked.flatMap(({ memberRef }) => this.links.get(memberRef) ?? []));
      take(await this.stored(missing()));
      take(await this.told(missing()));
    } finally {
      this.heard = null;
    }
    for (const link of found.values()) {
      if (link.version >= (heard.get(link.memberRef) ?? heard.get('*') ?? 0)) this.remember(link);
    }
    return asked.map(({ memberRef }) => found.get(memberRef) ?? null);
  }

  private async stored(memberRefs: readonly string[]): Promise<MemberLink[]> {
    if (memberRefs.length === 0) return [];
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => findLinks(tx, memberRefs));
  }

  /** A link returned by crm is kept only in memory: its pending event will store it in the copy. */
  private async told(memberRefs: readonly string[]): Promise<MemberLink[]> {
    if (memberRefs.length === 0) return [];
    const url = `${this.crmUrl}/internal/v1/links?refs=${memberRefs.join(',')}`;
    const states = (await this.internal.get<unknown[]>(url)) ?? [];
    const wanted = new Set(memberRefs);
    return states.map(memberLinkFrom).filter((link): link is MemberLink => link !== null && wanted.has(link.memberRef));
  }

  /** Called when another instance stored a link; null when notifications may have been missed. */
  private hear(payload: string | null): void {
    if (payload === null) {
      this.links.clear();
      this.heard?.set('*', Infinity);
      return;
    }
    const [memberRef = '', version = ''] = payload.split(':');
    const known = this.links.get(memberRef);
    if (known !== undefined && known.version < Number(version)) this.links.delete(memberRef);
    this.heard?.set(memberRef, Math.max(this.heard.get(memberRef) ?? 0, Number(version)));
  }
}

/** Provider of {@link MemberLinks} with the crm at this address. */
export function memberLinksProvider(crmUrl: string): FactoryProvider<MemberLinks> {
  return {
    provide: MemberLinks,
    inject: [CONFIG, DataSource, InternalClient],
    useFactory: ({ databaseUrl }: { databaseUrl: string }, dataSource: DataSource, internal: InternalClient) =>
      new MemberLinks(databaseUrl, crmUrl, dataSource, internal),
  };
}

function own(link: MemberLink | null, brand: string): MemberLink {
  if (link === null || link.brand !== brand || !link.active) return fail('not_found');
  return link;
}
