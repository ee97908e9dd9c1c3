import type { DataSource, EntityManager } from 'typeorm';
import { runInTransaction } from '#libs/postgres';
import type { ReceivedEvent } from '../event-batch.js';
import { bytesOf } from '../ports.js';
import type { LogRecord } from '../ports.js';
import { classify, recorded } from './faults.js';

export interface AsideRecord {
  readonly record: LogRecord;
  readonly topic: string;
  readonly eventId: string;
  readonly type: string;
  readonly error: unknown;
  readonly attempts: number;
}

/**
 * SQL for the next automatic attempt of a record whose handler asked for a retry. The delay equals the time since the first failure,
 * between a second and five minutes, for up to an hour; then the record waits for the operator like any other. Arguments: expressions
 * of its first failure and of whether the handler asked.
 */
export function comesAgainSql(firstFailedAt: string, asked: string): string {
  return `case when ${asked} and clock_timestamp() - ${firstFailedAt} < interval '1 hour'
    then clock_timestamp() + least(greatest(clock_timestamp() - ${firstFailedAt}, interval '1 second'), interval '5 minutes') end`;
}

/** Parked records and keys, in the service's own database. */
export class Parking {
  constructor(
    private readonly dataSource: DataSource,
    private readonly group: string,
  ) {}

  /** Queues later records of a parked key behind it, unless they were handled before. */
  async follow(tx: EntityManager, events: readonly ReceivedEvent[]): Promise<void> {
    const done = await tx.query<{ event_id: string }[]>(
      'select event_id from inbox where consumer_group = $1 and event_id = any ($2::text[])',
      [this.group, events.map((event) => event.id)],
    );
    const handled = new Set(done.map((row) => row.event_id));
    const error = { code: 'key_parked', message: 'an earlier record of this key is parked' };
    for (const event of events) {
      if (handled.has(event.id)) continue;
      await this.insert(tx, 'parked', aside(event, error, 0));
    }
  }

  /** Parks the record and its key: for the operator, or for an automatic attempt where the handler asked for one. */
  async park(event: ReceivedEvent, error: unknown, attempts: number): Promise<void> {
    await runInTransaction(this.dataSource, { brand: '*' }, async (tx) => {
      await tx.query(
        `insert into parked_key (consumer_group, topic, key, release_at)
         values ($1, $2, $3, ${comesAgainSql('now()', '$4::boolean')}) on conflict do nothing`,
        [this.group, event.topic, event.key, classify(error) === 'later'],
      );
      await this.insert(tx, 'parked', aside(event, error, attempts));
    });
  }

  async bury(record: AsideRecord): Promise<void> {
    await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.insert(tx, 'dead', record));
  }

  private async insert(tx: EntityManager, kind: 'parked' | 'dead', item: AsideRecord): Promise<void> {
    const { code, message } = recorded(item.error);
    await tx.query(
      `insert into parked_record (kind, consumer_group, topic, "partition", "offset", key, event_id, type, headers, body,
                                  error_code, error_message, attempts)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       on conflict (consumer_group, topic, event_id)
       do update set last_failed_at = now(), error_code = excluded.error_code, error_message = excluded.error_message,
                     attempts = parked_record.attempts + excluded.attempts, release_at = null`,
      [
        kind,
        this.group,
        item.topic,
        item.record.partition,
        item.record.offset,
        item.record.key,
        item.eventId,
        item.type,
        JSON.stringify(item.record.headers),
        bytesOf(item.record),
        code,
        message,
        item.attempts,
      ],
    );
  }
}

export function aside(event: ReceivedEvent, error: unknown, attempts: number): AsideRecord {
  return { record: event.record, topic: event.topic, eventId: event.id, type: event.type, error, attempts };
}

export function keyOf(item: { topic: string; key: string }): string {
  return `${item.topic}|${item.key}`;
}
