import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { uuidv7 } from '#libs/kernel';
import { currentContext } from '#libs/observability';
import { OUTBOX_CHANNEL } from './relay.js';

/** Largest event in bytes: every broker accepts this by default. Content that may grow beyond it is split into several events. */
export const LARGEST_EVENT = 900_000;

export interface OutboxEvent<D extends DescMessage = DescMessage> {
  readonly topic: string;
  /** The object whose order matters. */
  readonly key: string;
  readonly schema: D;
  /** Null: a tombstone, the end of the key; a compacted topic then drops its earlier records of the key. */
  readonly body: MessageInitShape<D> | null;
  readonly subject?: string;
  /** `ce_id`; a new UUID v7 if absent. */
  readonly id?: string;
  /** Correlation of the originating call, where several calls are written together; that of the current call if absent. */
  readonly traceparent?: string | undefined;
}

/**
 * Writes events in the transaction of the effect they report: both commit, or neither. The relay sends the events of one key in the order
 * in which their transactions held it: lock the object that the key names before adding.
 */
@Injectable()
export class Outbox {
  async add<D extends DescMessage>(tx: EntityManager, event: OutboxEvent<D>): Promise<void> {
    await this.addAll(tx, [event]);
  }

  /**
   * Adds several events, in order, with one statement.
   * @throws Error for an event of more than LARGEST_EVENT bytes
   */
  async addAll<D extends DescMessage>(tx: EntityManager, events: readonly OutboxEvent<D>[]): Promise<void> {
    if (events.length === 0) return;
    const current = currentContext()?.traceparent;
    const headersOf = (event: OutboxEvent<D>): string => {
      const traceparent = event.traceparent ?? current;
      return JSON.stringify({
        ...(event.subject === undefined ? {} : { ce_subject: event.subject }),
        ...(traceparent === undefined ? {} : { traceparent }),
      });
    };
    await tx.query(
      // a transaction that waited for the key may have a lower id than the events it waited for: those are committed, but cannot
      // have been sent, because this open transaction holds the relay back
      `with added as (
         insert into outbox (tx_id, id, topic, key, type, schema, headers, body)
         select coalesce(b.tx_id, pg_current_xact_id()), e.id, e.topic, e.key, e.type, e.type, e.headers::jsonb, e.body
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])
           with ordinality as e (id, topic, key, type, headers, body, position)
         left join (
           select topic, key, max(tx_id) as tx_id from outbox where tx_id > pg_current_xact_id() group by topic, key) as b
           on b.topic = e.topic and b.key = e.key
         order by e.position
       )
       select pg_notify('${OUTBOX_CHANNEL}', '')`,
      [
        events.map((event) => event.id ?? uuidv7()),
        events.map((event) => event.topic),
        events.map((event) => event.key),
        events.map((event) => event.schema.typeName),
        events.map(headersOf),
        events.map(encode),
      ],
    );
  }
}

function encode<D extends DescMessage>({ schema, body, topic, key }: OutboxEvent<D>): Buffer | null {
  if (body === null) return null;
  const bytes = Buffer.from(toBinary(schema, create(schema, body)));
  if (bytes.length > LARGEST_EVENT)
    throw new Error(`an event of ${topic} for ${key} has ${bytes.length} bytes, more than ${LARGEST_EVENT}`);
  return bytes;
}
