import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Grant } from '../standing/standing.js';
import { mappedGrants } from './mapped.js';
import type { TierReport } from './mapped.js';
import { MapsRepository } from './maps.repository.js';

/** What the brands' own tiers come to. */
@Injectable()
export class MapSources {
  constructor(private readonly repository: MapsRepository) {}

  async of(tx: EntityManager, wallets: readonly string[]): Promise<Map<string, Grant[]>> {
    const reports = await this.repository.reportsOf(tx, wallets);
    if (reports.length === 0) return new Map();
    const maps = await this.repository.ofBrands(tx, [...new Set(reports.map(({ brand }) => brand))]);
    const byWallet = new Map<string, TierReport[]>();
    for (const report of reports) byWallet.set(report.walletId, [...(byWallet.get(report.walletId) ?? []), report]);
    return new Map([...byWallet].map(([wallet, said]) => [wallet, mappedGrants(said, maps)]));
  }

  /** Members whose link with a brand ended hold none of its tiers. Names the wallets that this may change. */
  async forget(tx: EntityManager, ended: readonly { brand: string; walletId: string; at: Date }[]): Promise<string[]> {
    const reports = await this.repository.reportsOf(
      tx,
      ended.map(({ walletId }) => walletId),
    );
    const holding = new Map(reports.map((r) => [`${r.brand}|${r.walletId}`, r.brandTier !== null]));
    const last = ended.filter(({ brand, walletId }) => holding.get(`${brand}|${walletId}`) === true);
    if (last.length > 0)
      await this.repository.report(
        tx,
        last.map(({ brand, walletId, at }) => ({ brand, walletId, brandTier: null, at, until: null })),
      );
    return last.map(({ walletId }) => walletId);
  }
}
