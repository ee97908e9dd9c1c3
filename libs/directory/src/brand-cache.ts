import type { Brand } from './brand.js';
import { brandFromSnapshot } from './brand-snapshot.js';
import type { BrandSnapshot } from './brand-snapshot.js';

/**
 * Brands in memory, newest version wins. A load that began before an invalidation must not put the old brand back,
 * so each slug remembers the lowest version that is still acceptable.
 */
export class BrandCache {
  private readonly brands = new Map<string, Brand>();
  private readonly floors = new Map<string, number>();

  get(slug: string): Brand | undefined {
    return this.brands.get(slug);
  }

  /** Takes a snapshot in unless something newer is known; answers the brand that stands afterwards, if any may. */
  put(snapshot: BrandSnapshot): Brand | undefined {
    const held = this.brands.get(snapshot.slug);
    if (held !== undefined && held.version >= snapshot.version) return held;
    if (snapshot.version < (this.floors.get(snapshot.slug) ?? 0)) return undefined;
    const brand = brandFromSnapshot(snapshot);
    this.brands.set(snapshot.slug, brand);
    return brand;
  }

  /** Forgets a brand older than `version`, which someone else has stored. */
  invalidate(slug: string, version: number): void {
    const held = this.brands.get(slug);
    if (held !== undefined && held.version >= version) return;
    this.brands.delete(slug);
    this.floors.set(slug, Math.max(version, this.floors.get(slug) ?? 0));
  }

  /** Forgets everything, for when notifications may have been missed. */
  clear(): void {
    this.brands.clear();
  }
}
