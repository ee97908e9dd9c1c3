import type { EntityManager } from 'typeorm';
import type { ReceivedEvent } from '../event-batch.js';

/** Marks the events as handled by the group and returns those that were not, in order, each once. */
export async function freshOf(
  tx: EntityManager,
  group: string,
  events: readonly ReceivedEvent[],
): Promise<ReceivedEvent[]> {
  if (events.length === 0) return [];
  const rows = await tx.query<{ event_id: string }[]>(
    `insert into inbox (consumer_group, event_id) select $1, id from unnest($2::text[]) as id
     on conflict do nothing returning event_id`,
    // sorted, so that two consumers with common events wait for each other instead of dead-locking
    [group, events.map((event) => event.id).sort()],
  );
  const fresh = new Set(rows.map((row) => row.event_id));
  return events.filter((event) => fresh.delete(event.id));
}
