import type { EntityManager } from 'typeorm';
import type { BrandSnapshot } from './brand-snapshot.js';

/** NOTIFY channel; the payload is `slug:version`. Channels are per database, so services do not receive each other's. */
export const DIRECTORY_CHANNEL = 'brand_directory';

/**
 * DDL of the local copy; every service that uses the directory runs it in a migration. Brands are public inside the network: no row
 * security.
 */
export function directoryTableSql(): string {
  return `
    create table brand_directory (
      slug text primary key,
      version bigint not null check (version > 0),
      snapshot jsonb not null
    );
    create table brand_directory_part (
      slug text not null,
      part integer not null check (part >= 0),
      version bigint not null,
      snapshot jsonb not null,
      primary key (slug, part)
    );`;
}

/** A TypeORM DataSource or EntityManager. */
export type Queryable = Pick<EntityManager, 'query'>;

/** Stores a snapshot unless the copy is as new or newer; true when it was stored. Other processes are notified on commit. */
export async function storeSnapshot(db: Queryable, snapshot: BrandSnapshot): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `with stored as (
       insert into brand_directory (slug, version, snapshot) values ($1, $2, $3)
       on conflict (slug) do update set version = excluded.version, snapshot = excluded.snapshot
         where brand_directory.version < excluded.version
       returning slug, version)
     select pg_notify('${DIRECTORY_CHANNEL}', slug || ':' || version) from stored`,
    [snapshot.slug, snapshot.version, JSON.stringify(snapshot)],
  );
  return rows.length > 0;
}

/**
 * Keeps a part of a brand until all parts of its version are there; then returns the whole, else null. Parts arrive in any order and at
 * several processes at the same time, so the check is serialized.
 */
export async function joinPart(
  db: Queryable,
  snapshot: BrandSnapshot,
  part: number,
  parts: number,
): Promise<BrandSnapshot | null> {
  if (parts <= 1) return snapshot;
  await db.query(`select pg_advisory_xact_lock(hashtext('brand_directory_part'), hashtext($1))`, [snapshot.slug]);
  await db.query(
    `insert into brand_directory_part (slug, part, version, snapshot) values ($1, $2, $3, $4)
     on conflict (slug, part) do update set version = excluded.version, snapshot = excluded.snapshot
       where brand_directory_part.version < excluded.version`,
    [snapshot.slug, part, snapshot.version, JSON.stringify(snapshot)],
  );
  const rows: { snapshot: BrandSnapshot }[] = await db.query(
    'select snapshot from brand_directory_part where slug = $1 and version = $2 order by part',
    [snapshot.slug, snapshot.version],
  );
  if (rows.length < parts) return null;
  await db.query('delete from brand_directory_part where slug = $1 and version <= $2', [
    snapshot.slug,
    snapshot.version,
  ]);
  return { ...snapshot, stores: rows.flatMap((row) => row.snapshot.stores) };
}

export async function findSnapshot(db: Queryable, slug: string): Promise<BrandSnapshot | null> {
  const rows: { snapshot: BrandSnapshot }[] = await db.query('select snapshot from brand_directory where slug = $1', [
    slug,
  ]);
  return rows[0]?.snapshot ?? null;
}

export async function allSnapshots(db: Queryable): Promise<BrandSnapshot[]> {
  const rows: { snapshot: BrandSnapshot }[] = await db.query('select snapshot from brand_directory order by slug');
  return rows.map((r) => r.snapshot);
}
