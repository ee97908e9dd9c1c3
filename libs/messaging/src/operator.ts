import { toJson } from '@bufbuild/protobuf';
import type pg from 'pg';
import { eventRegistry } from '#libs/contracts';
import { createClient, withClient } from '#libs/postgres';
import { readHeaders } from './cloud-events.js';
import type { MessagingConfig } from './ports.js';
import { decode } from './pipeline/decode.js';
import { RELEASE_CHANNEL } from './relay.js';
import { RELAY_GROUP } from './relay-parking.js';
import { openEventLog } from './topics.js';

/** A record that waits for an operator. */
export interface ParkedItem {
  readonly id: string;
  /** Parked: blocks its key. Dead: blocks nothing. Set aside: an operator decided that it blocks nothing. */
  readonly kind: 'parked' | 'dead' | 'set_aside';
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly eventId: string;
  readonly type: string;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly attempts: number;
  readonly firstFailedAt: Date;
  readonly lastFailedAt: Date;
  /** A release was requested and is under way. */
  readonly releasing: boolean;
  /** Who set it aside, why and when; null when it is not set aside. */
  readonly setAside: { readonly by: string; readonly reason: string; readonly at: Date } | null;
}

/** Selects records; all given fields must match. */
export interface ParkedFilter {
  readonly group?: string;
  readonly topic?: string;
  readonly key?: string;
  readonly id?: string;
}

interface ParkedRow {
  readonly id: bigint;
  readonly kind: ParkedItem['kind'];
  readonly consumer_group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  readonly event_id: string;
  readonly type: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | null;
  readonly error_code: string;
  readonly error_message: string;
  readonly attempts: number;
  readonly first_failed_at: Date;
  readonly last_failed_at: Date;
  readonly releasing: boolean;
  readonly set_aside_by: string | null;
  readonly set_aside_reason: string | null;
  readonly set_aside_at: Date | null;
}

const MATCHES = `($1::text is null or consumer_group = $1) and ($2::text is null or topic = $2)
  and ($3::text is null or key = $3) and ($4::bigint is null or id = $4)`;

function valuesOf(filter: ParkedFilter): (string | null)[] {
  return [filter.group ?? null, filter.topic ?? null, filter.key ?? null, filter.id ?? null];
}

function clientOf(databaseUrl: string): pg.Client {
  return createClient(databaseUrl, 'hezong-events');
}

async function rowsOf(client: pg.Client, filter: ParkedFilter): Promise<ParkedRow[]> {
  const { rows } = await client.query<ParkedRow>(
    `select r.*, coalesce(r.release_at, k.release_at) is not null as releasing
     from (select * from parked_record where ${MATCHES}) r
     left join parked_key k
       on r.kind = 'parked' and k.consumer_group = r.consumer_group and k.topic = r.topic and k.key = r.key
     order by r.id`,
    valuesOf(filter),
  );
  return rows;
}

function toItem(row: ParkedRow): ParkedItem {
  const { set_aside_by: by, set_aside_reason: reason, set_aside_at: at } = row;
  return {
    id: row.id.toString(),
    kind: row.kind,
    group: row.consumer_group,
    topic: row.topic,
    partition: row.partition,
    offset: row.offset.toString(),
    key: row.key,
    eventId: row.event_id,
    type: row.type,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    attempts: row.attempts,
    firstFailedAt: row.first_failed_at,
    lastFailedAt: row.last_failed_at,
    releasing: row.releasing,
    setAside: by === null || reason === null || at === null ? null : { by, reason, at },
  };
}

/** Part of the list of parked records. */
export interface ParkedPart {
  /** Default 100. */
  readonly limit?: number;
  /** Id of the record before the first; default 0. */
  readonly after?: string;
  /** Only records that wait for an operator or are tried again, not those set aside. */
  readonly open?: boolean;
  readonly groups?: readonly string[];
}

/** Records that wait for an operator or were set aside by one, oldest first; for a parked key, the record that blocks it. */
export async function listHeads(
  client: pg.ClientBase,
  { limit = 100, after = '0', open = false, groups }: ParkedPart,
): Promise<ParkedItem[]> {
  const { rows } = await client.query<ParkedRow>(
    `select r.*, coalesce(r.release_at, k.release_at) is not null as releasing
       from (select * from parked_record where kind <> 'parked'
             union all
             select h.* from parked_key k cross join lateral (
               select * from parked_record r where r.kind = 'parked' and r.consumer_group = k.consumer_group and r.topic = k.topic
                  and r.key = k.key order by r.id limit 1) h) r
       left join parked_key k on r.kind = 'parked' and k.consumer_group = r.consumer_group and k.topic = r.topic and k.key = r.key
      where r.id > $2 and ($3::text[] is null or r.consumer_group = any($3))
        and (not $4 or r.kind <> 'set_aside' or r.release_at is not null)
      order by r.id limit $1`,
    [limit, after, groups ?? null, open],
  );
  return rows.map(toItem);
}

/**
 * Sets one record aside and records who and why. It counts as handled until it is tried again, and the records behind it continue.
 * Returns false when there is no such record, when somebody else or for another reason set it aside, or when it was never sent: all
 * readers of its topic would then miss it.
 */
export async function setAside(
  client: pg.ClientBase,
  id: string,
  eventId: string,
  by: string,
  reason: string,
): Promise<boolean> {
  return inTransaction(client, async () => {
    // locks the key first: consumers that would queue more behind it wait, and this waits for a running release
    await client.query(
      `select from parked_key k where exists (
         select from parked_record r where r.id = $1 and r.kind = 'parked' and r.consumer_group = k.consumer_group and r.topic = k.topic
           and r.key = k.key) for update`,
      [id],
    );
    const { rows } = await client.query<Pick<ParkedRow, 'consumer_group' | 'topic' | 'key' | 'event_id'>>(
      `update parked_record set kind = 'set_aside', release_at = null, set_aside_by = $2, set_aside_reason = $3, set_aside_at = clock_timestamp()
        where id = $1 and event_id = $5 and kind <> 'set_aside' and consumer_group <> $4 returning consumer_group, topic, key, event_id`,
      [id, by, reason, RELAY_GROUP, eventId],
    );
    const [record] = rows;
    if (record === undefined) {
      const repeat =
        'select from parked_record where id = $1 and event_id = $4 and set_aside_by = $2 and set_aside_reason = $3';
      return (await client.query(repeat, [id, by, reason, eventId])).rowCount === 1;
    }
    const { consumer_group: group, topic, key, event_id: event } = record;
    await client.query('insert into inbox (consumer_group, event_id) values ($1, $2) on conflict do nothing', [
      group,
      event,
    ]);
    await client.query(
      `delete from parked_key k where k.consumer_group = $1 and k.topic = $2 and k.key = $3 and not exists (
         select from parked_record r where r.kind = 'parked' and r.consumer_group = k.consumer_group and r.topic = k.topic and r.key = k.key)`,
      [group, topic, key],
    );
    await client.query(
      'update parked_key set release_at = clock_timestamp() where consumer_group = $1 and topic = $2 and key = $3',
      [group, topic, key],
    );
    await client.query(`notify ${RELEASE_CHANNEL}`);
    return true;
  });
}

/** Asks the running service to handle a record again; one that fails keeps its place. Returns false when there is no such record. */
export async function tryAgain(client: pg.ClientBase, id: string): Promise<boolean> {
  return inTransaction(client, async () => {
    const { rows } = await client.query<Pick<ParkedRow, 'kind' | 'consumer_group' | 'topic' | 'key'>>(
      'select kind, consumer_group, topic, key from parked_record where id = $1',
      [id],
    );
    const [record] = rows;
    if (record === undefined) return false;
    if (record.kind === 'parked') {
      await client.query(
        'update parked_key set release_at = clock_timestamp() where consumer_group = $1 and topic = $2 and key = $3',
        [record.consumer_group, record.topic, record.key],
      );
    } else {
      await client.query('update parked_record set release_at = clock_timestamp() where id = $1', [id]);
    }
    await client.query(`notify ${RELEASE_CHANNEL}`);
    return true;
  });
}

async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** Parked records and dead letters of a service, oldest first. */
export async function listParked(databaseUrl: string, filter: ParkedFilter = {}): Promise<ParkedItem[]> {
  return withClient(clientOf(databaseUrl), async (client) => (await rowsOf(client, filter)).map(toItem));
}

/** One record with headers and its body: JSON if it can be decoded, else base64; null for a tombstone. Null when there is no record. */
export async function showParked(
  databaseUrl: string,
  id: string,
): Promise<(ParkedItem & { headers: Record<string, string>; body: unknown }) | null> {
  return withClient(clientOf(databaseUrl), async (client) => {
    const [row] = await rowsOf(client, { id });
    return row === undefined ? null : { ...toItem(row), headers: row.headers, body: bodyOf(row) };
  });
}

/**
 * Asks the running service to handle matching records again: dead letters one by one, parked ones by key, in order.
 * A matching parked record selects its whole key. Returns how many keys and dead letters were released.
 */
export async function release(databaseUrl: string, filter: ParkedFilter): Promise<number> {
  return withClient(clientOf(databaseUrl), async (client) => {
    const keys = await client.query(
      `update parked_key k set release_at = clock_timestamp()
       where exists (select from parked_record r where r.kind = 'parked' and r.consumer_group = k.consumer_group
                       and r.topic = k.topic and r.key = k.key and r.id in (select id from parked_record where ${MATCHES}))`,
      valuesOf(filter),
    );
    const letters = await client.query(
      `update parked_record set release_at = clock_timestamp() where kind <> 'parked' and ${MATCHES}`,
      valuesOf(filter),
    );
    await client.query(`notify ${RELEASE_CHANNEL}`);
    return (keys.rowCount ?? 0) + (letters.rowCount ?? 0);
  });
}

/**
 * Discards matching dead letters permanently: they count as handled, so no redelivery brings them back. Events of ordered groups cannot be
 * discarded: a group must not miss an event without a record of it, so such events are set aside instead. Returns the number discarded.
 * @throws Error naming the first event that is no dead letter; then none was discarded
 */
export async function discard(databaseUrl: string, filter: ParkedFilter): Promise<number> {
  return withClient(clientOf(databaseUrl), async (client) => {
    return inTransaction(client, async () => {
      const event = (await rowsOf(client, filter)).find(({ kind }) => kind !== 'dead');
      if (event !== undefined) throw new Error(whyKept(event));
      const { rowCount } = await client.query(
        `with gone as (delete from parked_record where kind = 'dead' and ${MATCHES} returning consumer_group, event_id),
              done as (insert into inbox (consumer_group, event_id) select * from gone on conflict do nothing)
         select from gone`,
        valuesOf(filter),
      );
      return rowCount ?? 0;
    });
  });
}

function whyKept({ id, kind, consumer_group: group }: ParkedRow): string {
  if (kind === 'set_aside') return `record ${id} is an event of ${group} that was set aside on record: it stays there`;
  return group === RELAY_GROUP
    ? `record ${id} was never sent, and all who read its topic would lack it: raise the broker's message.max.bytes and replay it`
    : `record ${id} is an event that ${group} must not lack unnoticed: set it aside (POST /v1/operator/parked/{service}/${id}/set-aside)`;
}

/**
 * Resets a stopped group to the start of its topics. With `forgetInbox` its inbox is emptied too, so that handlers receive every event
 * again, except those that are set aside; their effects must then be protected by natural keys.
 */
export async function rewindGroup(
  config: MessagingConfig & { databaseUrl: string },
  group: string,
  topics: readonly string[],
  options: { forgetInbox?: boolean } = {},
): Promise<void> {
  const log = openEventLog(config);
  try {
    await log.rewind({ group, topics });
  } finally {
    await log.close();
  }
  if (options.forgetInbox === true) {
    await withClient(clientOf(config.databaseUrl), (client) =>
      client.query(
        `delete from inbox i where i.consumer_group = $1 and not exists (
           select from parked_record r where r.kind = 'set_aside' and r.consumer_group = i.consumer_group and r.event_id = i.event_id)`,
        [group],
      ),
    );
  }
}

function bodyOf(row: ParkedRow): unknown {
  if (row.body === null) return null;
  const decoded = decode({
    topic: row.topic,
    partition: row.partition,
    offset: row.offset.toString(),
    key: row.key,
    headers: row.headers,
    value: row.body,
    appendedAt: row.first_failed_at,
  });
  if (decoded.kind !== 'event') return { base64: row.body.toString('base64') };
  const schema = eventRegistry.getMessage(readHeaders(row.headers).schemaName);
  return schema === undefined || decoded.event.body === null ? null : toJson(schema, decoded.event.body);
}
