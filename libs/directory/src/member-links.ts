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

/** References of one look-up; crm takes no more at a time. */
const LOOK_UP = 100;

interface Question {
  readonly memberRef: string;
  /** Whose link alone will do; null for anybody's. */
  readonly brand: string | null;
}

/**
 * Which wallet a brand's member reference stands for. Memory first, then the service's own copy, and on a miss crm is
 * asked once, so that a member can buy in the second after joining. Versions only grow, so that whatever comes late
 * changes nothing.
 */
export class MemberLinks implements OnModuleInit, OnModuleDestroy {
  private readonly links = new Map<string, MemberLink>();
  /** While one look-up is under way the next ones gather: many members who join at once cost few queries. */
  private readonly lookUps = new Batches<Question, MemberLink | null>((asked) => this.lookUp(asked), {
    batch: LOOK_UP,
  });
  /** Versions heard of during the look-up under way: what is older than that is not kept. */
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
   * The brand's own live link, without a promise when it is in memory. For a foreign one all is done that is done for one that
   * doesn't exist, so that not even the time it takes tells them apart.
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
   * The live link whatever brand it belongs to.
   * @throws DomainError `not_found` for an unknown or deleted reference
   */
  async live(memberRef: string): Promise<MemberLink> {
    const link = await this.find(memberRef);
    return link?.active === true ? link : fail('not_found');
  }

  /** The link, live or ended, whatever brand it belongs to; null when there is none. */
  find(memberRef: string): Promise<MemberLink | null> {
    const known = this.links.get(memberRef);
    return known === undefined ? this.ask(memberRef, null) : Promise.resolve(known);
  }

  /** Takes a link that crm pushed. */
  async apply(link: MemberLink): Promise<void> {
    const stored = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => storeLinks(tx, [link]));
    if (stored.length > 0) this.remember(link);
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

  private ask(memberRef: string, brand: string | null): Promise<MemberLink | null> {
    return isMemberRef(memberRef) ? this.lookUps.add({ memberRef, brand }) : Promise.resolve(null);
  }

  private async lookUp(asked: readonly Question[]): Promise<(MemberLink | null)[]> {
    const heard = (this.heard = new Map<string, number>());
    const found = new Map<string, MemberLink>();
    // a foreign link is looked for everywhere, as one that doesn't exist
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
      // the look-up before this one may have brought it
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

  /** What crm tells is kept in memory alone: its event, which is on the way, brings it into the copy. */
  private async told(memberRefs: readonly string[]): Promise<MemberLink[]> {
    if (memberRefs.length === 0) return [];
    const url = `${this.crmUrl}/internal/v1/links?refs=${memberRefs.join(',')}`;
    const states = (await this.internal.get<unknown[]>(url)) ?? [];
    const wanted = new Set(memberRefs);
    return states.map(memberLinkFrom).filter((link): link is MemberLink => link !== null && wanted.has(link.memberRef));
  }

  /** Another instance stored a link; null when something may have been missed. */
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

/** {@link MemberLinks} that ask the crm at this address. */
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
