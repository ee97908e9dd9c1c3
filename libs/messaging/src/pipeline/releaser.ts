import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import { Job } from '#libs/jobs';
import { contextOfEvent, runInContext } from '#libs/observability';
import { runInTransaction } from '#libs/postgres';
import { EventBatch } from '../event-batch.js';
import type { LogRecord } from '../ports.js';
import { decode } from './decode.js';
import { classify, recorded } from './faults.js';
import type { GroupHandlers } from './group-handlers.js';
import { freshOf } from './inbox.js';
import { comesAgainSql } from './parking.js';

/** Polling interval. Releases are announced; polling finds missed announcements and keys with a due automatic attempt. */
const SAFETY_POLL_MS = 5_000;

interface ParkedRow {
  readonly id: bigint;
  readonly kind: 'parked' | 'dead' | 'set_aside';
  readonly event_id: string;
  readonly consumer_group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | null;
  readonly first_failed_at: Date;
}

/**
 * Passes released records, and those with a due automatic attempt, to their handlers again: a parked key record by record in order, a dead
 * letter alone, each in its own transaction with its inbox row. A failure stops the key at that record.
 */
export class Releaser {
  private readonly logger = new Logger(Releaser.name);
  private readonly job = new Job(Releaser.name, SAFETY_POLL_MS, async (stopping) => {
    while (!stopping.aborted && (await this.work()));
  });
  private readonly groups: ReadonlyMap<string, GroupHandlers>;

  constructor(
    private readonly dataSource: DataSource,
    groups: readonly GroupHandlers[],
  ) {
    this.groups = new Map(groups.map((group) => [group.group, group]));
  }

  start(): void {
    this.job.start();
    this.wake();
  }

  wake(): void {
    void this.job.attempt();
  }

  stop(): Promise<void> {
    return this.job.stop();
  }

  /** One cheap query when there is nothing to do. */
  private async work(): Promise<boolean> {
    const rows = await this.dataSource.query<{ due: boolean }[]>(
      `select exists (select from parked_key where release_at <= clock_timestamp())
           or exists (select from parked_record where release_at is not null) as due`,
    );
    return rows[0]?.due === true && (await this.next());
  }

  /** Handles one released record; returns whether there was one. */
  private async next(): Promise<boolean> {
    let current: ParkedRow | undefined;
    let batch: EventBatch | undefined;
    try {
      const found = await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
        current = (await this.headOfReleasedKey(tx)) ?? (await this.releasedLetter(tx));
        if (current === undefined) return false;
        batch = await this.handle(tx, current);
        await tx.query('delete from parked_record where id = $1', [current.id]);
        await tx.query(
          `delete from parked_key k where k.consumer_group = $1 and k.topic = $2 and k.key = $3
             and not exists (select from parked_record r where r.kind = 'parked' and r.consumer_group = k.consumer_group
                               and r.topic = k.topic and r.key = k.key)`,
          [current.consumer_group, current.topic, current.key],
        );
        return true;
      });
      for (const hook of batch?.takeHooks() ?? []) await hook();
      return found;
    } catch (error) {
      if (current === undefined) throw error;
      await this.failed(current, error);
      return true;
    }
  }

  /** Locks a released key, which blocks consumers that would queue more behind it. */
  private async headOfReleasedKey(tx: EntityManager): Promise<ParkedRow | undefined> {
    const keys = await tx.query<{ consumer_group: string; topic: string; key: string }[]>(
      `select consumer_group, topic, key from parked_key
       where release_at <= clock_timestamp() and consumer_group = any ($1::text[])
       order by release_at limit 1 for update skip locked`,
      [[...this.groups.keys()]],
    );
    const [key] = keys;
    if (key === undefined) return undefined;
    const rows = await tx.query<ParkedRow[]>(
      `select * from parked_record where kind = 'parked' and consumer_group = $1 and topic = $2 and key = $3 order by id limit 1`,
      [key.consumer_group, key.topic, key.key],
    );
    if (rows.length === 0) {
      await tx.query('delete from parked_key where consumer_group = $1 and topic = $2 and key = $3', [
        key.consumer_group,
        key.topic,
        key.key,
      ]);
    }
    return rows[0];
  }

  private async releasedLetter(tx: EntityManager): Promise<ParkedRow | undefined> {
    const rows = await tx.query<ParkedRow[]>(
      `select * from parked_record where kind <> 'parked' and release_at is not null and consumer_group = any ($1::text[])
       order by id limit 1 for update skip locked`,
      [[...this.groups.keys()]],
    );
    return rows[0];
  }

  private async handle(tx: EntityManager, row: ParkedRow): Promise<EventBatch | undefined> {
    const record: LogRecord = {
      topic: row.topic,
      partition: row.partition,
      offset: row.offset.toString(),
      key: row.key,
      headers: row.headers,
      value: row.body,
      appendedAt: row.first_failed_at,
    };
    const decoded = decode(record);
    if (decoded.kind === 'undecodable') throw decoded.error;
    if (decoded.kind === 'unknown') throw new Error(`type ${decoded.type} is not known`);
    if (row.kind === 'set_aside') {
      await tx.query('delete from inbox where consumer_group = $1 and event_id = $2', [
        row.consumer_group,
        row.event_id,
      ]);
    }
    const fresh = await freshOf(tx, row.consumer_group, [decoded.event]);
    if (fresh.length === 0) return undefined;
    const batch = new EventBatch(fresh, tx);
    await runInContext(contextOfEvent(record.headers['traceparent'], decoded.event.id), () =>
      this.groups.get(row.consumer_group)?.invoke(row.topic, batch),
    );
    return batch;
  }

  /** Returns the key to waiting: for the operator, or for the next attempt. */
  private async failed(row: ParkedRow, error: unknown): Promise<void> {
    const { code, message } = recorded(error);
    this.logger.error(`released record ${row.id} of ${row.consumer_group} failed again: ${message}`);
    await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      await tx.query(
        `update parked_record set release_at = null, attempts = attempts + 1, last_failed_at = now(),
                error_code = $2, error_message = $3 where id = $1`,
        [row.id, code, message],
      );
      await tx.query(
        `update parked_key set release_at = ${comesAgainSql('$5::timestamptz', '$4::boolean')}
          where consumer_group = $1 and topic = $2 and key = $3`,
        [row.consumer_group, row.topic, row.key, classify(error) === 'later', row.first_failed_at],
      );
    });
  }
}
