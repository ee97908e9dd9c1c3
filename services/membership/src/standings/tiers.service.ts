import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MemberLinks } from '#libs/directory';
import type { MemberLink } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { formatInstant, pointsToJson } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { MembershipConfig } from '../membership.config.js';
import type { Standing } from './standing.js';
import { StandingsService } from './standings.service.js';
import { StandingsRepository } from './standings.repository.js';
import { brandTier, instantText, tierInFull } from './tier-document.js';
import type { TierHistoryView, TierInFullView, TierView } from './tiers.answers.js';

/** The rank as read by brands and the operator. */
@Injectable()
export class TiersService {
  constructor(
    @Inject(CONFIG) private readonly config: MembershipConfig,
    private readonly dataSource: DataSource,
    private readonly links: MemberLinks,
    private readonly standings: StandingsService,
    private readonly repository: StandingsRepository,
  ) {}

  /** The tier of a brand's member, as far as the brand may know it. @throws DomainError `not_found` */
  async ofMember(brand: string, memberRef: string): Promise<TierView> {
    return brandTier(memberRef, await this.standing(await this.links.ofBrand(brand, memberRef)), this.config.zone);
  }

  /** The full tier of any brand's member. @throws DomainError `not_found` */
  async inFull(memberRef: string): Promise<TierInFullView> {
    return tierInFull(memberRef, await this.standing(await this.links.live(memberRef)));
  }

  /** Every change of the rank with its rules and figures. @throws DomainError `not_found` */
  async historyOf(memberRef: string): Promise<TierHistoryView> {
    const { walletId } = await this.links.live(memberRef);
    const decisions = await runInTransaction(this.dataSource, { brand: '*' }, (tx) =>
      this.repository.decisionsOf(tx, walletId),
    );
    return {
      memberRef,
      data: decisions.map((d) => ({
        version: pointsToJson(d.version),
        from: d.from,
        to: d.to,
        source: d.source,
        effectiveAt: instantText(d.effectiveAt?.getTime() ?? null),
        ladderVersion: d.ladderVersion,
        inputs: d.inputs,
        decidedAt: formatInstant(d.decidedAt),
      })),
    };
  }

  private standing({ walletId }: MemberLink): Promise<Standing> {
    // credits come from all brands
    return runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.standings.explain(tx, walletId));
  }
}
