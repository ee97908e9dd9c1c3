import type { BrandSnapshot } from '#libs/directory';

/** A brand with its tree, as stored: the published snapshot and its times. */
export interface BrandRecord extends BrandSnapshot {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The part of a brand that other services receive. */
export function snapshotOf({ createdAt: _created, updatedAt: _updated, ...snapshot }: BrandRecord): BrandSnapshot {
  return snapshot;
}
