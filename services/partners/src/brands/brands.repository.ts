import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ContractSnapshot, Store } from '#libs/directory';
import type { StoredRow } from '#libs/postgres';
import { priceFromMicro } from '../contracts/contract.js';
import type { BrandStatus } from './brand-lifecycle.js';
import type { BrandRecord } from './brand-record.js';
import { BRANDS } from './brands.tables.js';
import type { Brand, NewBrand } from './brands.tables.js';

interface SnapshotRow extends StoredRow {
  legal_entity_name: string;
  stores: Store[] | null;
  contracts: (Omit<ContractSnapshot, 'accrualPrice' | 'reimbursementPrice' | 'operatorFee' | 'faceValue'> & {
    accrualMicro: string;
    reimbursementMicro: string;
    operatorFeeMicro: string;
    faceValueMicro: string;
  })[];
}

const iso = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const SNAPSHOT = `
  select b.*, e.name as legal_entity_name,
    (select coalesce(json_agg(json_build_object('ref', s.ref, 'name', s.name) order by s.ref), '[]')
       from store s where s.brand = b.slug) as stores,
    (select coalesce(json_agg(json_build_object(
         'id', c.id, 'version', c.version, 'validFrom', ${iso('c.valid_from')}, 'validTo', ${iso('c.valid_to')},
         'roles', c.roles, 'fundingMode', c.funding_mode, 'currency', c.currency, 'cycle', c.cycle,
         'feeOnOwn', c.fee_on_own, 'latenessDays', c.lateness_days, 'attests', c.attests, 'limits', c.limits, 'accrualMicro', c.accrual_micro::text, 'reimbursementMicro', c.reimbursement_micro::text,
         'operatorFeeMicro', c.operator_fee_micro::text, 'faceValueMicro', c.face_value_micro::text)
         order by c.valid_from), '[]')
       from contract c where c.brand = b.slug) as contracts
  from brand b join legal_entity e on e.id = b.legal_entity_id`;

/** SQL of brands, legal entities and stores. All calls run inside a transaction with the operator's view. */
@Injectable()
export class BrandsRepository {
  /** The brand's row, locked until the end of the transaction; null if there is none. */
  lock(tx: EntityManager, slug: string): Promise<Brand | null> {
    return tx.findOne(BRANDS, { where: { slug }, lock: { mode: 'pessimistic_write' } });
  }

  /** Inserts a brand. Returns false if the slug exists; waits for a concurrent insert of it. */
  async insert(tx: EntityManager, brand: NewBrand): Promise<boolean> {
    const rows = await BRANDS.insert(tx, [brand], 'on conflict (slug) do nothing returning slug');
    return rows.length > 0;
  }

  async registerEntity(tx: EntityManager, id: string, name: string): Promise<string> {
    await tx.query('insert into legal_entity (id, name) values ($1, $2) on conflict (id) do nothing', [id, name]);
    const rows: { name: string }[] = await tx.query('select name from legal_entity where id = $1', [id]);
    return rows[0]?.name ?? name;
  }

  async addStores(tx: EntityManager, slug: string, stores: readonly Store[]): Promise<void> {
    if (stores.length === 0) return;
    await tx.query(
      `insert into store (brand, ref, name) select $1, s.ref, s.name from unnest($2::text[], $3::text[]) as s (ref, name)
       on conflict (brand, ref) do update set name = excluded.name`,
      [slug, stores.map((s) => s.ref), stores.map((s) => s.name)],
    );
  }

  async removeStoresBut(tx: EntityManager, slug: string, refs: readonly string[]): Promise<void> {
    await tx.query('delete from store where brand = $1 and ref <> all ($2::text[])', [slug, refs]);
  }

  async storeName(tx: EntityManager, slug: string, ref: string): Promise<string | null> {
    const rows: { name: string }[] = await tx.query('select name from store where brand = $1 and ref = $2', [
      slug,
      ref,
    ]);
    return rows[0]?.name ?? null;
  }

  async rename(tx: EntityManager, slug: string, name: string): Promise<void> {
    await tx.query('update brand set name = $2 where slug = $1', [slug, name]);
  }

  async setStatus(tx: EntityManager, brand: Brand, to: BrandStatus, by: string, at: Date): Promise<void> {
    await tx.query('update brand set status = $2 where slug = $1', [brand.slug, to]);
    await tx.query(
      `insert into status_change (brand, version, from_status, to_status, changed_by, changed_at) values ($1, $2, $3, $4, $5, $6)`,
      [brand.slug, brand.version + 1n, brand.status, to, by, at],
    );
  }

  async bump(tx: EntityManager, slug: string, at: Date): Promise<void> {
    await tx.query('update brand set version = version + 1, updated_at = $2 where slug = $1', [slug, at]);
  }

  async find(tx: EntityManager, slug: string): Promise<BrandRecord | null> {
    const rows: SnapshotRow[] = await tx.query(`${SNAPSHOT} where b.slug = $1`, [slug]);
    return rows[0] === undefined ? null : toRecord(rows[0]);
  }

  async list(tx: EntityManager, after: string, limit: number): Promise<BrandRecord[]> {
    const rows: SnapshotRow[] = await tx.query(`${SNAPSHOT} where b.slug > $1 order by b.slug limit $2`, [
      after,
      limit,
    ]);
    return rows.map(toRecord);
  }
}

function toRecord(row: SnapshotRow): BrandRecord {
  const { slug, version, name, status, currency, legalEntityId, createdAt, updatedAt } = BRANDS.fromRow(row);
  return {
    slug,
    version: Number(version),
    name,
    status,
    currency,
    legalEntity: { id: legalEntityId, name: row.legal_entity_name },
    stores: row.stores ?? [],
    contracts: row.contracts.map(({ accrualMicro, reimbursementMicro, operatorFeeMicro, faceValueMicro, ...rest }) => ({
      ...rest,
      accrualPrice: priceFromMicro(BigInt(accrualMicro)),
      reimbursementPrice: priceFromMicro(BigInt(reimbursementMicro)),
      operatorFee: priceFromMicro(BigInt(operatorFeeMicro)),
      faceValue: priceFromMicro(BigInt(faceValueMicro)),
    })),
    createdAt,
    updatedAt,
  };
}
