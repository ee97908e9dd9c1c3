import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { TierMap, TierReport } from './mapped.js';

interface MapRow {
  map_id: string;
  brand: string;
  brand_tier: string;
  rank: number;
  valid_from: Date;
  valid_to: Date | null;
}

interface ReportRow {
  brand: string;
  wallet_id: string;
  brand_tier: string | null;
  at: Date;
  until: Date | null;
}

const MAPS = 'select map_id, brand, brand_tier, rank, valid_from, valid_to from tier_map';

@Injectable()
export class MapsRepository {
  /** One at a time for a brand, so that overlaps are seen. */
  async lock(tx: EntityManager, brand: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('tier_map ' || $1, 0))`, [brand]);
  }

  async insert(tx: EntityManager, map: TierMap, by: string, now: Date): Promise<void> {
    await tx.query(
      `insert into tier_map (map_id, brand, brand_tier, rank, valid_from, valid_to, created_by, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [map.id, map.brand, map.brandTier, map.rank, map.validFrom, map.validTo, by, now],
    );
  }

  async ofBrand(tx: EntityManager, brand: string): Promise<TierMap[]> {
    return maps(await tx.query(`${MAPS} where brand = $1 order by brand_tier, valid_from`, [brand]));
  }

  async ofBrands(tx: EntityManager, brands: readonly string[]): Promise<TierMap[]> {
    return maps(await tx.query(`${MAPS} where brand = any($1::text[])`, [brands]));
  }

  async report(tx: EntityManager, reports: readonly TierReport[]): Promise<void> {
    await tx.query(
      `insert into tier_report (brand, wallet_id, brand_tier, at, until)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])`,
      [
        reports.map((r) => r.brand),
        reports.map((r) => r.walletId),
        reports.map((r) => r.brandTier),
        reports.map((r) => r.at.toISOString()),
        reports.map((r) => r.until?.toISOString() ?? null),
      ],
    );
  }

  /** In the order in which the brands said them. */
  async reportsOf(tx: EntityManager, wallets: readonly string[]): Promise<TierReport[]> {
    const rows: ReportRow[] = await tx.query(
      'select brand, wallet_id, brand_tier, at, until from tier_report where wallet_id = any($1::text[]) order by seq',
      [wallets],
    );
    return rows.map((r) => ({
      brand: r.brand,
      walletId: r.wallet_id,
      brandTier: r.brand_tier,
      at: r.at,
      until: r.until,
    }));
  }

  /** Wallets that this brand ever gave this tier. */
  async holders(tx: EntityManager, brand: string, brandTier: string): Promise<string[]> {
    const rows: { wallet_id: string }[] = await tx.query(
      'select distinct wallet_id from tier_report where brand = $1 and brand_tier = $2',
      [brand, brandTier],
    );
    return rows.map((row) => row.wallet_id);
  }
}

function maps(rows: readonly MapRow[]): TierMap[] {
  return rows.map((row) => ({
    id: row.map_id,
    brand: row.brand,
    brandTier: row.brand_tier,
    rank: row.rank,
    validFrom: row.valid_from,
    validTo: row.valid_to,
  }));
}
