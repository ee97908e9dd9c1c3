import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { BrandChangedSchema, TOPICS } from '#libs/contracts';
import { eventsFromSnapshot, keyOfPart } from '#libs/directory';
import type { BrandSnapshot } from '#libs/directory';
import { idempotent } from '#libs/http';
import type { IdempotentCall, KeyedCall, Outcome, Reply } from '#libs/http';
import { AllianceClock, fail } from '#libs/kernel';
import { Outbox } from '#libs/messaging';
import { PARTNERS_CONFIG, otherServices } from '../partners.config.js';
import type { PartnersConfig } from '../partners.config.js';
import { snapshotOf } from './brand-record.js';
import type { BrandRecord } from './brand-record.js';
import { BrandsRepository } from './brands.repository.js';
import type { Brand } from './brands.tables.js';

/** How long a caller waits for the pushes. The event reaches the services that a push did not. */
const PUSH_PATIENCE_MS = 1_500;

export type OperatorCall = KeyedCall & IdempotentCall;

/** Work of a call on a brand; `changed` receives the brand after the change. */
export type BrandWork<T> = (tx: EntityManager, changed: (record: BrandRecord) => void) => Promise<Outcome<T>>;

/**
 * The only way to change a brand or its parts: lock, change, next version, event in the same transaction. After the commit a push
 * to the other services makes a suspension effective immediately.
 */
@Injectable()
export class BrandChangesService {
  private readonly log = new Logger(BrandChangesService.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly brands: BrandsRepository,
    private readonly outbox: Outbox,
    private readonly internal: InternalClient,
    private readonly clock: AllianceClock,
    @Inject(PARTNERS_CONFIG) private readonly config: PartnersConfig,
  ) {}

  /** Runs a POST once per Idempotency-Key and pushes the brand it changed. */
  async once<T>(call: OperatorCall, work: BrandWork<T>): Promise<Reply<T>> {
    let record: BrandRecord | undefined;
    const outcome = await idempotent(this.dataSource, call, (tx) => {
      record = undefined;
      return work(tx, (changed) => (record = changed));
    });
    if (record !== undefined && outcome.status < 400) await this.push(snapshotOf(record));
    return outcome;
  }

  /** Changes a locked brand. `work` returns whether it changed anything. Returns the brand after the change. */
  async apply(
    tx: EntityManager,
    slug: string,
    work: (brand: Brand) => Promise<boolean>,
  ): Promise<{ record: BrandRecord; changed: boolean }> {
    const brand = await this.brands.lock(tx, slug);
    if (brand === null) fail('not_found');
    const changed = await work(brand);
    if (changed) await this.brands.bump(tx, slug, this.clock.now());
    const record = await this.brands.find(tx, slug);
    if (record === null) fail('not_found');
    if (changed) await this.publish(tx, record);
    return { record, changed };
  }

  /** Publishes the whole brand as an event in the transaction of the change, or as several events if it has many stores. */
  async publish(tx: EntityManager, record: BrandRecord): Promise<void> {
    await this.outbox.addAll(
      tx,
      eventsFromSnapshot(snapshotOf(record), this.clock.now()).map((body) => ({
        topic: TOPICS.brands,
        key: keyOfPart(record.slug, body.part ?? 0),
        schema: BrandChangedSchema,
        body,
        subject: record.slug,
      })),
    );
  }

  /** Pushes the brand to the other services, as far as they can be reached. */
  async push(snapshot: BrandSnapshot): Promise<void> {
    const pushes = otherServices(this.config).map(async (url) => {
      try {
        await this.internal.put(`${url}/internal/v1/brands/${snapshot.slug}`, snapshot);
      } catch {
        this.log.debug(`${url} did not take version ${snapshot.version} of ${snapshot.slug}; its event will tell it`);
      }
    });
    await Promise.race([Promise.all(pushes), sleep(PUSH_PATIENCE_MS, undefined, { ref: false })]);
  }
}
