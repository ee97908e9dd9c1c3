import { Kafka, type CloudEventV1, type KafkaMessage } from 'cloudevents';
import { create, toBinary } from '@bufbuild/protobuf';
import { CycleChangedSchema, TOPICS } from '#libs/contracts';
import { readHeaders, sourceOf, toEntry } from './cloud-events.js';
import { bytesOf } from './ports.js';
import type { OutgoingRecord } from './ports.js';

const record: OutgoingRecord = {
  topic: TOPICS.cycles,
  key: '2026-03',
  id: '019ab8b6-6f6c-7000-8000-000000000001',
  type: CycleChangedSchema.typeName,
  schemaName: CycleChangedSchema.typeName,
  time: new Date('2026-04-01T00:00:00.123Z'),
  value: toBinary(CycleChangedSchema, create(CycleChangedSchema, { cycle: '2026-03', status: 'closed' })),
  headers: { ce_subject: '2026-03', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
};

describe('headers of an event', () => {
  it('can be read by the cloudevents package in binary mode', () => {
    const entry = toEntry(record);
    const message = { key: entry.key, value: bytesOf(entry), headers: { ...entry.headers } };
    const event = Kafka.toEvent(message as unknown as KafkaMessage<Buffer>) as CloudEventV1<Buffer>;
    expect(event).toMatchObject({
      specversion: '1.0',
      id: record.id,
      type: 'hezong.settlement.v1.CycleChanged',
      source: '/hezong/settlement',
      subject: '2026-03',
      time: '2026-04-01T00:00:00.123Z',
      dataschema: 'hezong/settlement/v1#hezong.settlement.v1.CycleChanged',
      datacontenttype: 'application/protobuf',
      partitionkey: '2026-03',
    });
  });

  it('are those that the cloudevents package writes, apart from our extensions', () => {
    const entry = toEntry(record);
    const message = { key: entry.key, value: bytesOf(entry), headers: { ...entry.headers } };
    const event = Kafka.toEvent(message as unknown as KafkaMessage<Buffer>) as CloudEventV1<Buffer>;
    const { headers } = Kafka.binary(event);
    for (const name of ['ce_id', 'ce_type', 'ce_source', 'ce_subject', 'ce_dataschema', 'ce_specversion']) {
      expect([name, headers[name]]).toEqual([name, entry.headers[name]]);
    }
  });

  it('are read as they were sent', () => {
    expect(readHeaders(toEntry(record).headers)).toEqual({
      id: record.id,
      type: record.type,
      source: '/hezong/settlement',
      time: record.time,
      schemaName: record.schemaName,
      subject: '2026-03',
      traceparent: record.headers?.['traceparent'],
    });
  });

  it.each(['ce_id', 'ce_type', 'ce_source', 'ce_time', 'ce_dataschema', 'ce_specversion'])(
    'without %s are refused',
    (name) => {
      const headers = Object.fromEntries(Object.entries(toEntry(record).headers).filter(([other]) => other !== name));
      expect(() => readHeaders(headers)).toThrow(name);
    },
  );

  it('with an unreadable time or another version are refused', () => {
    const { headers } = toEntry(record);
    expect(() => readHeaders({ ...headers, ce_time: 'yesterday' })).toThrow('ce_time');
    expect(() => readHeaders({ ...headers, ce_specversion: '2.0' })).toThrow('CloudEvents 2.0');
  });

  it('name the service that owns the topic as their source', () => {
    expect(sourceOf('hezong.ledger.postings.v1')).toBe('/hezong/ledger');
  });
});
