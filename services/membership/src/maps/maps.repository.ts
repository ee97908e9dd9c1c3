import { Injectable } from '@nestjs/common';
import { Any } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { TierMap, TierReport } from './mapped.js';
import { MAPS, REPORTS } from './maps.tables.js';

@Injectable()
export class MapsRepository {
  /** Serializes changes of a brand's maps, so that overlaps are detected. */
  async lock(tx: EntityManager, brand: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('tier_map ' || $1, 0))`, [brand]);
  }

  async insert(tx: EntityManager, map: TierMap, createdBy: string, createdAt: Date): Promise<void> {
    await MAPS.insert(tx, [{ ...map, createdBy, createdAt }]);
  }

  ofBrand(tx: EntityManager, brand: string): Promise<TierMap[]> {
    return tx.find(MAPS, { where: { brand }, order: { brandTier: 'asc', validFrom: 'asc' } });
  }

  ofBrands(tx: EntityManager, brands: readonly string[]): Promise<TierMap[]> {
    return tx.findBy(MAPS, { brand: Any(brands) });
  }

  async report(tx: EntityManager, reports: readonly TierReport[]): Promise<void> {
    await REPORTS.insert(tx, reports);
  }

  reportsOf(tx: EntityManager, wallets: readonly string[]): Promise<TierReport[]> {
    return REPORTS.query(tx, 'select * from tier_report where wallet_id = any($1::text[]) order by seq', [wallets]);
  }

  async holders(tx: EntityManager, brand: string, brandTier: string): Promise<string[]> {
    const rows: { wallet_id: string }[] = await tx.query(
      'select distinct wallet_id from tier_report where brand = $1 and brand_tier = $2',
      [brand, brandTier],
    );
    return rows.map((row) => row.wallet_id);
  }
}
