import type { Grant } from '../standings/ranks.js';

/** Maps a brand's own tier to a rank of the alliance, for a period. */
export interface TierMap {
  readonly id: string;
  readonly brand: string;
  readonly brandTier: string;
  readonly rank: number;
  readonly validFrom: Date;
  readonly validTo: Date | null;
}

/** A brand's report of a member's own tier; null: none. It is valid until the brand's next report. */
export interface TierReport {
  readonly brand: string;
  readonly walletId: string;
  readonly brandTier: string | null;
  readonly at: Date;
  readonly until: Date | null;
}

/** The grants that follow from a wallet's reports, in order of arrival, under the maps. */
export function mappedGrants(reports: readonly TierReport[], maps: readonly TierMap[]): Grant[] {
  const grants: Grant[] = [];
  const byBrand = new Map<string, TierReport[]>();
  for (const report of reports) byBrand.set(report.brand, [...(byBrand.get(report.brand) ?? []), report]);
  for (const [brand, said] of byBrand) {
    said.forEach((report, i) => {
      if (report.brandTier === null) return;
      const to = Math.min(report.until?.getTime() ?? Infinity, said[i + 1]?.at.getTime() ?? Infinity);
      for (const map of maps) {
        if (map.brand !== brand || map.brandTier !== report.brandTier) continue;
        const start = Math.max(report.at.getTime(), map.validFrom.getTime());
        const end = Math.min(to, map.validTo?.getTime() ?? Infinity);
        if (start < end)
          grants.push({ id: map.id, source: 'mapped', rank: map.rank, from: start, to: end === Infinity ? null : end });
      }
    });
  }
  return grants;
}
