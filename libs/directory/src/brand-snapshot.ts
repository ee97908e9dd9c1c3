import { BRAND_STATUSES } from './brand.js';
import type { Brand, BrandStatus, Contract, LegalEntity, Store } from './brand.js';

/** A contract in a snapshot: the same fields, with instants as RFC 3339 UTC strings. */
export type ContractSnapshot = Omit<Contract, 'validFrom' | 'validTo'> & {
  readonly validFrom: string;
  readonly validTo: string | null;
};

/** A whole brand as JSON: stored by every service, returned and pushed by partners inside the network. */
export interface BrandSnapshot {
  readonly slug: string;
  readonly version: number;
  readonly name: string;
  readonly status: BrandStatus;
  readonly currency: string;
  readonly legalEntity: LegalEntity;
  readonly stores: readonly Store[];
  readonly contracts: readonly ContractSnapshot[];
}

/** Snapshot → brand, frozen because one object is shared by every request. */
export function brandFromSnapshot(snapshot: BrandSnapshot): Brand {
  const contracts = snapshot.contracts
    .map((c): Contract => ({
      ...c,
      validFrom: new Date(c.validFrom),
      validTo: c.validTo === null ? null : new Date(c.validTo),
    }))
    .sort((a, b) => a.validFrom.getTime() - b.validFrom.getTime() || a.version - b.version);
  return Object.freeze({ ...snapshot, contracts: Object.freeze(contracts) });
}

/** Brand → snapshot; the inverse of {@link brandFromSnapshot}. */
export function snapshotFromBrand(brand: Brand): BrandSnapshot {
  return {
    ...brand,
    contracts: brand.contracts.map((c) => ({
      ...c,
      validFrom: c.validFrom.toISOString(),
      validTo: c.validTo?.toISOString() ?? null,
    })),
  };
}

/** Whether an unknown JSON value has the form of a snapshot of this slug. Protects the push route against wrong input. */
export function isBrandSnapshot(value: unknown, slug: string): value is BrandSnapshot {
  if (typeof value !== 'object' || value === null) return false;
  const v = value as Partial<Record<keyof BrandSnapshot, unknown>>;
  return (
    v.slug === slug &&
    Number.isSafeInteger(v.version) &&
    typeof v.name === 'string' &&
    (BRAND_STATUSES as readonly unknown[]).includes(v.status) &&
    typeof v.currency === 'string' &&
    typeof v.legalEntity === 'object' &&
    Array.isArray(v.stores) &&
    Array.isArray(v.contracts)
  );
}
