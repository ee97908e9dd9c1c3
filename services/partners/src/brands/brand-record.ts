import type { BrandSnapshot } from '#libs/directory';

/** A brand with its tree, as stored; the snapshot that others get plus its times. */
export interface BrandRecord extends BrandSnapshot {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Only what other services get to know of a brand. */
export function snapshotOf({ createdAt: _created, updatedAt: _updated, ...snapshot }: BrandRecord): BrandSnapshot {
  return snapshot;
}
