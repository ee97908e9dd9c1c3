import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Grant } from '../standings/ranks.js';
import { mappedGrants } from './mapped.js';
import type { TierReport } from './mapped.js';
import { MapsRepository } from './maps.repository.js';

/** Grants that follow from the brands' own tiers. */
@Injectable()
export class MapSourcesService {
  constructor(private readonly repository: MapsRepository) {}

  async of(tx: EntityManager, wallets: readonly string[]): Promise<Map<string, Grant[]>> {
    const reports = await this.repository.reportsOf(tx, wallets);
    if (reports.length === 0) return new Map();
    const maps = await this.repository.ofBrands(tx, [...new Set(reports.map(({ brand }) => brand))]);
    const byWallet = new Map<string, TierReport[]>();
    for (const report of reports) byWallet.set(report.walletId, [...(byWallet.get(report.walletId) ?? []), report]);
    return new Map([...byWallet].map(([wallet, said]) => [wallet, mappedGrants(said, maps)]));
  }

  /**
   * Removes a brand's tiers from members whose link with it ended. The end was stamped by another clock, so it counts if it arrived
   * after the brand's last report. Returns the wallets that may change.
   */
  async forget(
    tx: EntityManager,
    ended: readonly { brand: string; walletId: string; changedAt: Date }[],
  ): Promise<string[]> {
    const wallets = ended.map(({ walletId }) => walletId);
    const lastWord = new Map<string, TierReport>();
    for (const report of await this.repository.reportsOf(tx, wallets)) lastWord.set(keyOf(report), report);
    const over = ended.flatMap(({ brand, walletId, changedAt: at }): TierReport[] => {
      const last = lastWord.get(keyOf({ brand, walletId }));
      if (last === undefined || last.brandTier === null) return [];
      return [{ brand, walletId, brandTier: null, at: at > last.at ? at : last.at, until: null }];
    });
    if (over.length > 0) await this.repository.report(tx, over);
    return over.map(({ walletId }) => walletId);
  }
}

function keyOf({ brand, walletId }: { brand: string; walletId: string }): string {
  return `${brand} ${walletId}`;
}
