import type { PoolClient } from 'pg';
import { bytesOf } from './ports.js';
import type { LogEntry } from './ports.js';
import { keyOf } from './pipeline/parking.js';

/** Group name for records that the relay could not send. */
export const RELAY_GROUP = 'relay';

interface WaitingRow {
  readonly id: bigint;
  readonly topic: string;
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | null;
}

/** Keys with a record that could not be sent; later records of the key wait behind it, so that no reader gets them out of order. */
export async function parkedKeys(client: PoolClient): Promise<Set<string>> {
  const { rows } = await client.query<{ topic: string; key: string }>(
    'select topic, key from parked_key where consumer_group = $1',
    [RELAY_GROUP],
  );
  return new Set(rows.map(keyOf));
}

/** Parks records of parked keys in their order; `faults` gives the errors of some of them. */
export async function park(
  client: PoolClient,
  entries: readonly LogEntry[],
  faults: ReadonlyMap<LogEntry, Error>,
): Promise<void> {
  if (entries.length === 0) return;
  await client.query({
    name: 'relay-park',
    text: `with keys as (
             insert into parked_key (consumer_group, topic, key) select distinct $1, t, k from unnest($2::text[], $3::text[]) as e (t, k)
             on conflict do nothing)
           insert into parked_record (kind, consumer_group, topic, "partition", "offset", key, event_id, type, headers, body,
                                      error_code, error_message, attempts)
           select 'parked', $1, e.topic, -1, -1, e.key, e.headers::jsonb->>'ce_id', e.headers::jsonb->>'ce_type', e.headers::jsonb, e.body,
                  case when e.fault is null then 'key_parked' else 'record_too_large' end,
                  coalesce(e.fault, 'an earlier record of this key is parked'), (e.fault is not null)::integer
           from unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[])
             with ordinality as e (topic, key, headers, body, fault, position)
           order by e.position on conflict do nothing`,
    values: [
      RELAY_GROUP,
      entries.map((entry) => entry.topic),
      entries.map((entry) => entry.key),
      entries.map((entry) => JSON.stringify(entry.headers)),
      entries.map((entry) => bytesOf(entry)),
      entries.map((entry) => faults.get(entry)?.message ?? null),
    ],
  });
}

/** Sends the records of released keys, in order per key, up to the first that still cannot be sent. */
export async function sendReleased(
  client: PoolClient,
  send: (entry: LogEntry) => Promise<Error | null>,
): Promise<void> {
  for (;;) {
    const { rows } = await client.query<WaitingRow>(
      `select r.id, r.topic, r.key, r.headers, r.body
       from parked_key k join parked_record r on r.consumer_group = k.consumer_group and r.topic = k.topic and r.key = k.key
       where k.consumer_group = $1 and k.release_at <= clock_timestamp() order by r.id limit 1`,
      [RELAY_GROUP],
    );
    const [row] = rows;
    if (row === undefined) break;
    const fault = await send({ topic: row.topic, key: row.key, headers: row.headers, value: row.body });
    if (fault === null) await client.query('delete from parked_record where id = $1', [row.id]);
    else {
      await client.query(
        `with again as (update parked_record set attempts = attempts + 1, last_failed_at = now(), error_message = $5 where id = $1)
         update parked_key set release_at = null where consumer_group = $2 and topic = $3 and key = $4`,
        [row.id, RELAY_GROUP, row.topic, row.key, fault.message],
      );
    }
  }
  await client.query(
    `delete from parked_key k where k.consumer_group = $1 and not exists (
       select from parked_record r where r.consumer_group = k.consumer_group and r.topic = k.topic and r.key = k.key)`,
    [RELAY_GROUP],
  );
}
