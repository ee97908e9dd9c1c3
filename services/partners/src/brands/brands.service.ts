import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { ifMatch, versioned } from '#libs/http';
import type { Reply } from '#libs/http';
import { AllianceClock, decodeCursor, fail, pageOf, requestHash } from '#libs/kernel';
import type { FieldFault, Page } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import { brandAnswer } from './brand-answer.js';
import { BrandChangesService } from './brand-changes.service.js';
import type { OperatorCall } from './brand-changes.service.js';
import { checkTransition } from './brand-lifecycle.js';
import type { ChangeBrandBody, CreateBrandBody, StatusBody, StoreBody } from './brands.dto.js';
import { BrandsRepository } from './brands.repository.js';
import { snapshotOf } from './brand-record.js';
import type { BrandRecord } from './brand-record.js';
import type { BrandView, StoreView } from './brands.answers.js';

const OPERATOR = { brand: '*' };

/** Parties of the books that are not brands. A brand with such a name would be mistaken for them. */
const RESERVED: ReadonlySet<string> = new Set(['operator', 'members', 'reserve', 'rounding']);

@Injectable()
export class BrandsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly brands: BrandsRepository,
    private readonly changes: BrandChangesService,
    private readonly clock: AllianceClock,
  ) {}

  /** Creates a brand. The slug is the business key: the same content again gets the first answer, other content 409 `brand_exists`. */
  async create(call: OperatorCall, body: CreateBrandBody): Promise<Reply<BrandView>> {
    const stores = body.stores ?? [];
    refuseReserved(body.slug);
    refuseRepeatedRefs(stores);
    let repeated = false;
    const outcome = await this.changes.once(call, async (tx, changed) => {
      const { slug, name, currency, legalEntity } = body;
      const status = body.status ?? 'sandbox';
      const createdHash = requestHash({ slug, name, currency, legalEntity, stores, status });
      const at = this.clock.now();
      const answer = brandAnswer({
        slug,
        name,
        currency,
        legalEntity,
        stores: [...stores].sort((a, b) => (a.ref < b.ref ? -1 : 1)),
        status,
        version: 1,
        createdAt: at,
        updatedAt: at,
      });
      await this.registerEntity(tx, legalEntity);
      const brand = {
        slug,
        name,
        status,
        currency,
        legalEntityId: legalEntity.id,
        createdHash,
        createdAnswer: answer,
        createdAt: at,
        updatedAt: at,
      };
      if (!(await this.brands.insert(tx, brand))) {
        const existing = await this.brands.lock(tx, slug);
        if (existing === null || !createdHash.equals(existing.createdHash)) fail('brand_exists');
        repeated = true;
        return { status: 201, body: existing.createdAnswer };
      }
      await this.brands.addStores(tx, slug, stores);
      const record = await this.brands.find(tx, slug);
      if (record === null) fail('internal_error');
      await this.changes.publish(tx, record);
      changed(record);
      return { status: 201, body: answer };
    });
    return outcome.orRepeated(repeated);
  }

  async setStatus(call: OperatorCall, slug: string, body: StatusBody): Promise<Reply<BrandView>> {
    return this.changes.once(call, async (tx, changed) => {
      const { record, changed: moved } = await this.changes.apply(tx, slug, async (brand) => {
        if (!checkTransition(brand.status, body.status)) return false;
        await this.brands.setStatus(tx, brand, body.status, call.caller, this.clock.now());
        return true;
      });
      if (moved) changed(record);
      return { status: 200, body: brandAnswer(record) };
    });
  }

  async addStore(call: OperatorCall, slug: string, store: StoreBody): Promise<Reply<StoreView>> {
    return this.changes.once(call, async (tx, changed) => {
      const { record, changed: added } = await this.changes.apply(tx, slug, async () => {
        const known = await this.brands.storeName(tx, slug, store.ref);
        if (known === store.name) return false;
        if (known !== null) fail('store_exists');
        await this.brands.addStores(tx, slug, [store]);
        return true;
      });
      if (added) changed(record);
      return { status: 201, body: { brand: slug, ref: store.ref, name: store.name } };
    });
  }

  /** Merge patch of name and stores, based on the version in If-Match. */
  async change(slug: string, body: ChangeBrandBody, expected: string | undefined): Promise<Reply<BrandView>> {
    const { name, stores } = body;
    if (stores) refuseRepeatedRefs(stores);
    const { record, changed } = await runInTransaction(this.dataSource, OPERATOR, (tx) =>
      this.changes.apply(tx, slug, async (brand) => {
        ifMatch(expected, Number(brand.version));
        if (name) await this.brands.rename(tx, slug, name);
        if (stores) {
          await this.brands.removeStoresBut(
            tx,
            slug,
            stores.map((s) => s.ref),
          );
          await this.brands.addStores(tx, slug, stores);
        }
        return Boolean(name) || Boolean(stores);
      }),
    );
    if (changed) await this.changes.push(snapshotOf(record));
    return versioned(brandAnswer(record), record.version);
  }

  async get(slug: string): Promise<BrandRecord> {
    const record = await this.find(slug);
    return record ?? fail('not_found');
  }

  async find(slug: string): Promise<BrandRecord | null> {
    return runInTransaction(this.dataSource, OPERATOR, (tx) => this.brands.find(tx, slug));
  }

  async list(limit: number, cursor: string | undefined): Promise<Page<BrandRecord>> {
    const after = cursor === undefined ? '' : String(decodeCursor(cursor, 1)[0]);
    const rows = await runInTransaction(this.dataSource, OPERATOR, (tx) => this.brands.list(tx, after, limit + 1));
    return pageOf(rows, limit, (row) => [row.slug]);
  }

  private async registerEntity(tx: EntityManager, entity: { id: string; name: string }): Promise<void> {
    const registered = await this.brands.registerEntity(tx, entity.id, entity.name);
    if (registered === entity.name) return;
    const detail = `${entity.id} is registered under another name.`;
    fail('validation_failed', { errors: [{ pointer: '/legalEntity/name', code: 'conflict', detail }] });
  }
}

function refuseReserved(slug: string): void {
  if (!RESERVED.has(slug)) return;
  const detail = 'The name is reserved for a party that is not a brand.';
  fail('validation_failed', { errors: [{ pointer: '/slug', code: 'reserved', detail }] });
}

/** Refuses two stores with the same ref in one list, instead of picking one. */
function refuseRepeatedRefs(stores: readonly { ref: string }[]): void {
  const seen = new Set<string>();
  const errors: FieldFault[] = [];
  stores.forEach(({ ref }, index) => {
    if (seen.has(ref)) {
      errors.push({
        pointer: `/stores/${index}/ref`,
        code: 'duplicate',
        detail: 'Another store of the list has this ref.',
      });
    }
    seen.add(ref);
  });
  if (errors.length > 0) fail('validation_failed', { errors });
}
