import { formatInstant } from '#libs/kernel';
import type { BrandRecord } from './brand-record.js';
import type { BrandView } from './brands.answers.js';

export function brandAnswer(record: Omit<BrandRecord, 'contracts'>): BrandView {
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
