import { fromBinary, type Message } from '@bufbuild/protobuf';
import { eventRegistry } from '#libs/contracts';
import { readHeaders } from '../cloud-events.js';
import { ReceivedEvent } from '../event-batch.js';
import type { LogRecord } from '../ports.js';

/** Header of a retry topic's record: the topic it came from. */
export const ORIGIN_TOPIC = 'hz_topic';

export type Decoded =
  | { readonly kind: 'event'; readonly event: ReceivedEvent }
  /** A type this version does not know: newer publishers may send it, so it is no fault. */
  | { readonly kind: 'unknown'; readonly type: string }
  | { readonly kind: 'undecodable'; readonly error: unknown };

/** Turns a record into an event. Never throws. */
export function decode(record: LogRecord): Decoded {
  try {
    const headers = readHeaders(record.headers);
    const schema = eventRegistry.getMessage(headers.schemaName);
    if (schema === undefined) return { kind: 'unknown', type: headers.type };
    const body: Message | null = record.value === null ? null : fromBinary(schema, record.value);
    const topic = record.headers[ORIGIN_TOPIC] ?? record.topic;
    return {
      kind: 'event',
      event: new ReceivedEvent(headers.id, headers.type, topic, record.key, headers.time, body, record),
    };
  } catch (error) {
    return { kind: 'undecodable', error };
  }
}
