import { create, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { INestApplicationContext } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { systemNow, uuidv7 } from '#libs/kernel';
import { EVENT_LOG, EventBatch, Messaging, ReceivedEvent, toEntry } from '#libs/messaging';
import type { EventLog } from '#libs/messaging';
import { runInTransaction } from '#libs/postgres';

/** An event for a service. */
export interface Told<Schema extends DescMessage = DescMessage> {
  topic: string;
  key: string;
  schema: Schema;
  /** null: the end of the key. */
  body: MessageInitShape<Schema> | null;
  /** Default: a new one. */
  id?: string;
}

/** The event as a consumer receives it. */
export function receivedEvent<Schema extends DescMessage>({
  topic,
  key,
  schema,
  body,
  id,
}: Told<Schema>): ReceivedEvent {
  const message = body === null ? null : create(schema, body);
  const value = message === null ? null : toBinary(schema, message);
  const record = { topic, key, partition: 0, offset: '0', headers: {}, value, appendedAt: new Date(0) };
  return new ReceivedEvent(id ?? uuidv7(), schema.typeName, topic, key, new Date(0), message, record);
}

/** Passes events to a consumer as one batch, without the inbox: only natural keys protect against duplicates. */
export async function handOver(
  app: INestApplicationContext,
  handle: (batch: EventBatch) => Promise<unknown>,
  events: ReceivedEvent[],
): Promise<void> {
  const dataSource = app.get(DataSource, { strict: false });
  const hooks = await runInTransaction(dataSource, { brand: '*' }, async (tx) => {
    const batch = new EventBatch(events, tx);
    await handle(batch);
    return batch.takeHooks();
  });
  for (const hook of hooks) await hook();
}

/** Sends events through the log as other services do, and waits until the service has handled them. */
export async function tell(app: INestApplicationContext, events: readonly Told[]): Promise<void> {
  await app.get<EventLog>(EVENT_LOG, { strict: false }).append(
    events.map(({ topic, key, schema, body, id }) =>
      toEntry({
        topic,
        key,
        id: id ?? uuidv7(),
        type: schema.typeName,
        schemaName: schema.typeName,
        time: systemNow(),
        value: body === null ? null : toBinary(schema, create(schema, body)),
      }),
    ),
  );
  await allHandled(app);
}

/** Waits until the service has handled all events in the log. */
export async function allHandled(app: INestApplicationContext): Promise<void> {
  await nothingLeft('not handled', () => app.get(Messaging, { strict: false }).lag());
}

/** Waits until all events of the service are in the log. */
export async function allSent(app: INestApplicationContext): Promise<void> {
  await nothingLeft('not sent', () => app.get(Messaging, { strict: false }).backlog());
}

async function nothingLeft(what: string, read: () => Promise<readonly { events: number }[]>): Promise<void> {
  for (const end = performance.now() + 30_000; ;) {
    const waiting = (await read()).filter(({ events }) => events > 0);
    if (waiting.length === 0) return;
    if (performance.now() > end) throw new Error(`${what}: ${JSON.stringify(waiting)}`);
    await new Promise((later) => setTimeout(later, 25));
  }
}
