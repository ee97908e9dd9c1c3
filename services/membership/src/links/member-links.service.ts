import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import { fail } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { MembershipConfig } from '../membership.config.js';
import { isMemberRef, linkFrom } from './link.js';
import type { MemberLink } from './link.js';
import { LinksRepository } from './links.repository.js';

/** Which wallet a member's reference stands for: this service's copy, and crm once for members that have just joined. */
@Injectable()
export class MemberLinks {
  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly dataSource: DataSource,
    private readonly repository: LinksRepository,
    private readonly internal: InternalClient,
  ) {}

  /**
   * The live link of a brand; `'*'` takes any brand's.
   * @throws DomainError `not_found` for an unknown, ended or foreign reference alike
   */
  async of(brand: string, memberRef: string): Promise<MemberLink> {
    const link = isMemberRef(memberRef) ? await this.load(brand, memberRef) : null;
    if (link === null || !link.active || (brand !== '*' && link.brand !== brand)) return fail('not_found');
    return link;
  }

  private async load(brand: string, memberRef: string): Promise<MemberLink | null> {
    const stored = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.find(tx, memberRef));
    if (stored !== null) return stored;
    // its event, which is on the way, brings it into the copy
    return linkFrom(
      memberRef,
      await this.internal.get<unknown>(`${this.config.crmUrl}/internal/v1/links/${memberRef}`),
    );
  }
}
