import type { EntityManager } from 'typeorm';
import type { ReceivedEvent } from '../event-batch.js';
import { keyOf } from './parking.js';

/** Result of marking a batch. */
export interface Admission {
  /** Events not handled before, each once, in order: their inbox rows are written. */
  readonly fresh: readonly ReceivedEvent[];
  /** Events of parked keys, in order. */
  readonly behind: readonly ReceivedEvent[];
}

interface AdmissionRow {
  readonly id: string | null;
  readonly topic: string | null;
  readonly key: string | null;
}

/**
 * Marks the events of an ordered group as handled, except those with parked keys. Uses one statement, because every batch needs it;
 * it blocks a release of the parked keys until the transaction ends.
 */
export async function admit(tx: EntityManager, group: string, events: readonly ReceivedEvent[]): Promise<Admission> {
  const rows = await tx.query<AdmissionRow[]>(
    `with parked as materialized (
       select topic, key from parked_key where consumer_group = $1 and key = any ($4::text[]) for share),
     fresh as (
       insert into inbox (consumer_group, event_id)
       select $1, e.id from unnest($2::text[], $3::text[], $4::text[]) as e (id, topic, key)
       where not exists (select from parked p where p.topic = e.topic and p.key = e.key)
       -- sorted, so that two consumers with common events wait for each other instead of deadlocking
       order by e.id on conflict do nothing returning event_id)
     select event_id as id, null as topic, null as key from fresh union all select null, topic, key from parked`,
    [group, events.map(({ id }) => id), events.map(({ topic }) => topic), events.map(({ key }) => key)],
  );
  const parked = new Set<string>();
  const fresh = new Set<string | null>();
  for (const { id, topic, key } of rows) {
    if (topic !== null && key !== null) parked.add(keyOf({ topic, key }));
    else fresh.add(id);
  }
  return {
    fresh: events.filter((event) => fresh.delete(event.id)),
    behind: parked.size === 0 ? [] : events.filter((event) => parked.has(keyOf(event))),
  };
}

/** Marks the events as handled by the group and returns those that were new, in order, each once. */
export async function freshOf(
  tx: EntityManager,
  group: string,
  events: readonly ReceivedEvent[],
): Promise<ReceivedEvent[]> {
  if (events.length === 0) return [];
  const rows = await tx.query<{ event_id: string }[]>(
    `insert into inbox (consumer_group, event_id) select $1, id from unnest($2::text[]) as id
     on conflict do nothing returning event_id`,
    // sorted, so that two consumers with common events wait for each other instead of deadlocking
    [group, events.map((event) => event.id).sort()],
  );
  const fresh = new Set(rows.map((row) => row.event_id));
  return events.filter((event) => fresh.delete(event.id));
}
