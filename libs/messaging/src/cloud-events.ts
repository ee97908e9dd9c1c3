import type { LogEntry, OutgoingRecord } from './ports.js';

/** Media type of every body on internal topics. */
export const CONTENT_TYPE = 'application/protobuf';

/** Attributes of a CloudEvent as read from a record's headers. */
export interface EventHeaders {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly time: Date;
  /** Full name of the message in the body. */
  readonly schemaName: string;
  readonly subject?: string;
  readonly traceparent?: string;
}

/** A required header is missing or unreadable. */
export class BadHeaders extends Error {
  readonly code = 'headers_unreadable';
}

/** `/hezong/ledger` publishes `hezong.ledger.postings.v1`: each topic belongs to one service. */
export function sourceOf(topic: string): string {
  const [alliance = 'hezong', service = 'unknown'] = topic.split('.');
  return `/${alliance}/${service}`;
}

/** `hezong.ledger.v1.PostingRecorded` → `hezong/ledger/v1#hezong.ledger.v1.PostingRecorded`, a relative URI reference. */
function dataSchema(schemaName: string): string {
  return `${schemaName.split('.').slice(0, -1).join('/')}#${schemaName}`;
}

/** Headers of the Kafka protocol binding in binary mode, CloudEvents 1.0, with the partitioning and tracing extensions. */
export function toEntry(record: OutgoingRecord): LogEntry {
  return {
    topic: record.topic,
    key: record.key,
    value: record.value,
    headers: {
      ce_specversion: '1.0',
      ce_id: record.id,
      ce_type: record.type,
      ce_source: sourceOf(record.topic),
      ce_time: record.time.toISOString(),
      ce_dataschema: dataSchema(record.schemaName),
      ce_partitionkey: record.key,
      'content-type': CONTENT_TYPE,
      ...record.headers,
    },
  };
}

function need(headers: Readonly<Record<string, string>>, name: string): string {
  const value = headers[name];
  if (value === undefined || value === '') throw new BadHeaders(`header ${name} is missing`);
  return value;
}

/**
 * Reads the headers of a record.
 * @throws BadHeaders when a header that consumers need is missing
 */
export function readHeaders(headers: Readonly<Record<string, string>>): EventHeaders {
  const version = need(headers, 'ce_specversion');
  if (version !== '1.0') throw new BadHeaders(`CloudEvents ${version} is not known`);
  const time = new Date(need(headers, 'ce_time'));
  if (Number.isNaN(time.getTime())) throw new BadHeaders('header ce_time is no instant');
  return {
    id: need(headers, 'ce_id'),
    type: need(headers, 'ce_type'),
    source: need(headers, 'ce_source'),
    time,
    schemaName: need(headers, 'ce_dataschema').split('#').at(-1) ?? '',
    ...(headers['ce_subject'] === undefined ? {} : { subject: headers['ce_subject'] }),
    ...(headers['traceparent'] === undefined ? {} : { traceparent: headers['traceparent'] }),
  };
}
