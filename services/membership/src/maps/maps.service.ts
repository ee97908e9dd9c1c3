import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MemberLinks } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { KeyedCall, Reply } from '#libs/http';
import { AllianceClock, fail, formatInstant, newId } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { ladderAt } from '../ladders/ladder.js';
import { LaddersService } from '../ladders/ladders.service.js';
import { StandingRowsService } from '../standings/standing-rows.service.js';
import { StandingsService } from '../standings/standings.service.js';
import type { TierMap } from './mapped.js';
import { MapsRepository } from './maps.repository.js';
import type { TierMapView } from './maps.answers.js';

export type NewMap = Omit<TierMap, 'id'>;

/** Maps of brands' own tiers, and brands' reports of the members who hold them. */
@Injectable()
export class MapsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly repository: MapsRepository,
    private readonly ladders: LaddersService,
    private readonly links: MemberLinks,
    private readonly rows: StandingRowsService,
    private readonly standings: StandingsService,
  ) {}

  /** @throws DomainError `not_for_the_past`, `tier_map_overlap`, `tier_map_too_high` */
  async create(map: NewMap, call: KeyedCall): Promise<Reply<TierMapView>> {
    return idempotent(this.dataSource, { ...call, route: 'tier-maps.create', body: map }, async (tx) => {
      const now = this.clock.now();
      if (map.validFrom < now || (map.validTo !== null && map.validTo <= map.validFrom)) fail('not_for_the_past');
      await this.repository.lock(tx, map.brand);
      const limit = ladderAt(await this.ladders.held(tx), map.validFrom.getTime())?.mapUpTo ?? 0;
      if (map.rank > limit) fail('tier_map_too_high', { extra: { limit } });
      for (const other of await this.repository.ofBrand(tx, map.brand)) {
        if (other.brandTier === map.brandTier && overlap(other, map)) fail('tier_map_overlap');
      }
      const stored: TierMap = { ...map, id: newId('tm') };
      await this.repository.insert(tx, stored, call.caller, now);
      await this.rows.judgeAt(tx, await this.repository.holders(tx, map.brand, map.brandTier), map.validFrom);
      return { status: 201, body: mapDocument(stored) };
    });
  }

  async list(brand: string): Promise<TierMapView[]> {
    const maps = await runInTransaction(this.dataSource, { brand }, (tx) => this.repository.ofBrand(tx, brand));
    return maps.map(mapDocument);
  }

  /**
   * Records a brand's report of a member's own tier, from now on. @throws DomainError `not_found`, `tier_unmapped`,
   * `not_for_the_past`
   */
  async report(brand: string, memberRef: string, brandTier: string | null, until: Date | null): Promise<void> {
    const { walletId } = await this.links.ofBrand(brand, memberRef);
    const now = this.clock.now();
    if (until !== null && until <= now) fail('not_for_the_past');
    // the rank follows from the reports of all brands
    await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      if (brandTier !== null) {
        const maps = await this.repository.ofBrand(tx, brand);
        if (!maps.some((map) => map.brandTier === brandTier && (map.validTo === null || map.validTo > now)))
          fail('tier_unmapped');
      }
      await this.ladders.held(tx);
      await this.repository.report(tx, [{ brand, walletId, brandTier, at: now, until }]);
      await this.standings.evaluate(tx, [walletId]);
    });
  }
}

function overlap(a: Pick<TierMap, 'validFrom' | 'validTo'>, b: Pick<TierMap, 'validFrom' | 'validTo'>): boolean {
  return (a.validTo === null || a.validTo > b.validFrom) && (b.validTo === null || b.validTo > a.validFrom);
}

function mapDocument(map: TierMap): TierMapView {
  return {
    id: map.id,
    brand: map.brand,
    brandTier: map.brandTier,
    rank: map.rank,
    validFrom: formatInstant(map.validFrom),
    validTo: map.validTo === null ? null : formatInstant(map.validTo),
  };
}
