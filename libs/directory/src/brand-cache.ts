import type { Brand } from './brand.js';
import { brandFromSnapshot } from './brand-snapshot.js';
import type { BrandSnapshot } from './brand-snapshot.js';

/**
 * Brands in memory; the newest version wins. A load that began before an invalidation must not restore the old brand, so each slug keeps
 * the lowest version that is still acceptable.
 */
export class BrandCache {
  private readonly brands = new Map<string, Brand>();
  private readonly floors = new Map<string, number>();

  get(slug: string): Brand | undefined {
    return this.brands.get(slug);
  }

  /** Stores a snapshot unless a newer one is known; returns the brand now stored, if any is acceptable. */
  put(snapshot: BrandSnapshot): Brand | undefined {
    const held = this.brands.get(snapshot.slug);
    if (held !== undefined && held.version >= snapshot.version) return held;
    if (snapshot.version < (this.floors.get(snapshot.slug) ?? 0)) return undefined;
    const brand = brandFromSnapshot(snapshot);
    this.brands.set(snapshot.slug, brand);
    return brand;
  }

  /** Drops a brand older than `version`, which another process has stored. */
  invalidate(slug: string, version: number): void {
    const held = this.brands.get(slug);
    if (held !== undefined && held.version >= version) return;
    this.brands.delete(slug);
    this.floors.set(slug, Math.max(version, this.floors.get(slug) ?? 0));
  }

  /** Drops everything, because notifications may have been missed. */
  clear(): void {
    this.brands.clear();
  }
}
