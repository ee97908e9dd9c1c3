import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { uuidv7 } from '#libs/kernel';
import type { StoredRow } from '#libs/postgres';
import { DISTRIBUTORS } from './distributors.tables.js';
import type { Distributor } from './distributors.tables.js';
import { earnerKey } from './owner.js';
import type { Earner, Introduction } from './owner.js';

@Injectable()
export class DistributorsRepository {
  /** Finds or creates a distributor. A wallet that is reported later is added. */
  async ensure(tx: EntityManager, distributor: Omit<Distributor, 'id' | 'introducer'>): Promise<Distributor> {
    await DISTRIBUTORS.insert(
      tx,
      [{ ...distributor, id: uuidv7() }],
      'on conflict (brand, kind, ref) do update set wallet_id = coalesce(excluded.wallet_id, distributor.wallet_id)',
    );
    const { brand, kind, ref } = distributor;
    const [written] = await this.select(tx, 'd.brand = $1 and d.kind = $2 and d.ref = $3', [brand, kind, ref]);
    if (written === undefined) throw new Error('the distributor that was just written is gone');
    return written;
  }

  async find(tx: EntityManager, id: string): Promise<Distributor | null> {
    return (await this.select(tx, 'd.id = $1', [id]))[0] ?? null;
  }

  page(tx: EntityManager, brand: string, after: string | null, limit: number): Promise<Distributor[]> {
    return this.select(tx, 'd.brand = $1 and ($2::uuid is null or d.id > $2) order by d.id limit $3', [
      brand,
      after,
      limit,
    ]);
  }

  async introduce(
    tx: EntityManager,
    { brand, owner }: Earner,
    introducer: string,
    since: Date,
    days: number,
  ): Promise<void> {
    await tx.query(
      `insert into introduction (brand, owner, introducer, since, expires_at)
       values ($1, $2, $3, $4, $4::timestamptz + make_interval(hours => $5 * 24))`,
      [brand, owner, introducer, since, days],
    );
  }

  /** Introductions of several earners at the brands they promote for, with their earning period; by `earnerKey`. */
  async introductions(tx: EntityManager, earners: readonly Earner[]): Promise<Map<string, Introduction>> {
    const rows: { brand: string; owner: string; introducer: string; since: Date; expires_at: Date }[] = await tx.query(
      `select i.brand, i.owner, i.introducer, i.since, i.expires_at from introduction i
         join (select distinct * from unnest($1::text[], $2::text[]) as g (brand, owner)) g using (brand, owner)`,
      [earners.map(({ brand }) => brand), earners.map(({ owner }) => owner)],
    );
    return new Map(
      rows.map((row) => [earnerKey(row), { introducer: row.introducer, since: row.since, until: row.expires_at }]),
    );
  }

  /** All owner keys of the persons behind these earners at the brand, by `earnerKey`. */
  async personKeys(tx: EntityManager, earners: readonly Earner[]): Promise<Map<string, string[]>> {
    const rows: { brand: string; owner: string; keys: string[] }[] = await tx.query(
      `select brand, owner, person_keys(brand, owner) as keys
         from (select distinct * from unnest($1::text[], $2::text[]) as g (brand, owner)) g`,
      [earners.map(({ brand }) => brand), earners.map(({ owner }) => owner)],
    );
    return new Map(rows.map((row) => [earnerKey(row), row.keys]));
  }

  /** Wallets of the persons behind guides and other owners, by owner. */
  async wallets(tx: EntityManager, owners: readonly string[]): Promise<Map<string, string>> {
    const rows: { owner: string; wallet_id: string }[] = await tx.query(
      'select distinct owner, wallet_id from distributor where owner = any($1) and wallet_id is not null',
      [owners],
    );
    return new Map(rows.map((row) => [row.owner, row.wallet_id]));
  }

  private async select(tx: EntityManager, where: string, values: unknown[]): Promise<Distributor[]> {
    const rows: (StoredRow & Pick<Distributor, 'introducer'>)[] = await tx.query(
      `select d.*, i.introducer from distributor d left join introduction i using (brand, owner) where ${where}`,
      values,
    );
    return rows.map((row) => ({ ...DISTRIBUTORS.fromRow(row), introducer: row.introducer }));
  }
}
