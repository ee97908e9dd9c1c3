import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { AllianceClock, fail } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { VaultService } from '../vault/vault.service.js';
import type { ToldSuppression } from '../vault/suppression.js';
import { LinkEventsService } from './link-events.service.js';
import { linkState } from './link.js';
import type { LinkState, MemberLink } from './link.js';
import { LinksRepository } from './links.repository.js';
import type { LinkFilter } from './links.repository.js';

/** Links between persons and brands: start, lookup and end. */
@Injectable()
export class LinksService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly links: LinksRepository,
    private readonly events: LinkEventsService,
    private readonly vault: VaultService,
    private readonly clock: AllianceClock,
  ) {}

  /** An active link of the brand. Everything else is not found, in the same words. */
  async require(tx: EntityManager, memberRef: string): Promise<MemberLink> {
    const link = await this.links.find(tx, memberRef);
    return link?.status === 'active' ? link : fail('not_found');
  }

  async requireLocked(tx: EntityManager, memberRef: string): Promise<MemberLink> {
    return (await this.links.lockActive(tx, memberRef)) ?? fail('not_found');
  }

  page(tx: EntityManager, filter: LinkFilter): Promise<MemberLink[]> {
    return this.links.page(tx, filter);
  }

  /** Writes a changed profile. Refuses contact points that the brand has proven for another member. */
  async change(tx: EntityManager, link: MemberLink): Promise<MemberLink> {
    const duplicate = await this.vault.duplicateOf(tx, link);
    if (duplicate !== null) fail('member_exists', { extra: { ...duplicate } });
    const changed = { ...link, version: link.version + 1n, updatedAt: this.clock.now() };
    await this.links.update(tx, changed);
    return changed;
  }

  /**
   * Ends a locked link. With the person's last link the vault erases the person.
   * @param since the time of withdrawal: consents up to then bring nobody back
   */
  async end(tx: EntityManager, link: MemberLink, since: Date): Promise<MemberLink> {
    const now = this.clock.now();
    const ended: MemberLink = {
      ...link,
      externalId: '',
      status: 'deleted',
      version: link.version + 1n,
      phoneId: null,
      emailId: null,
      phoneProven: false,
      emailProven: false,
      attributes: {},
      updatedAt: now,
      endedAt: now,
    };
    await this.links.update(tx, ended);
    await this.links.forgetAnswers(tx, link.memberRef);
    const suppressions = await this.vault.leave(tx, link, since, now);
    await this.events.ended(tx, ended, suppressions);
    return ended;
  }

  /** Applies earlier suppressions: ends links of members who left, as found in a restored database. */
  async suppress(tx: EntityManager, told: readonly ToldSuppression[]): Promise<MemberLink[]> {
    const over: MemberLink[] = [];
    for (const { memberRef, since } of await this.vault.suppress(tx, told)) {
      const link = await this.links.lockActive(tx, memberRef);
      if (link !== null) over.push(await this.end(tx, link, since));
    }
    return over;
  }

  /** Announces an end. Runs after its commit. */
  announceEnd(link: MemberLink): Promise<void> {
    return this.events.push(link);
  }

  /** Whether the member exists and the link has not ended. */
  async isActive(tx: EntityManager, memberRef: string): Promise<boolean> {
    return (await this.links.find(tx, memberRef))?.status === 'active';
  }

  /** Links, ended or not, for the other services. */
  async statesOf(memberRefs: readonly string[]): Promise<LinkState[]> {
    const links = await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.links.findAll(tx, memberRefs));
    return links.map(linkState);
  }
}
