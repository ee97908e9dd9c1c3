import { formatInstant } from '#libs/kernel';
import type { BrandRecord } from './brand-record.js';

/** A brand as the operator sees it. */
export interface BrandAnswer {
  slug: string;
  name: string;
  status: string;
  legalEntity: { id: string; name: string };
  currency: string;
  stores: { ref: string; name: string }[];
  version: number;
  createdAt: string;
  updatedAt: string;
}

/** Record → wire. */
export function brandAnswer(record: Omit<BrandRecord, 'contracts'>): BrandAnswer {
  return {
    slug: record.slug,
    name: record.name,
    status: record.status,
    legalEntity: { ...record.legalEntity },
    currency: record.currency,
    stores: record.stores.map((s) => ({ ...s })),
    version: record.version,
    createdAt: formatInstant(record.createdAt),
    updatedAt: formatInstant(record.updatedAt),
  };
}
