import pg from 'pg';
import { testBroker, type TestBroker } from '#libs/testing';
import type { EventLog, LogEntry } from '../src/ports.js';
import { declareTopics, openEventLog } from '../src/topics.js';
import { conformance } from './conformance.js';

conformance('postgres');

describe('a compacted topic of the log in PostgreSQL', () => {
  let broker: TestBroker;
  let log: EventLog;
  let sql: pg.Client;
  let topic: string;

  beforeAll(async () => {
    broker = await testBroker('postgres');
    topic = `hezong.${broker.prefix}.compacted.v1`;
    await declareTopics(broker.config, {
      topics: [{ name: topic, partitions: 1, compacted: true, tombstoneDays: 90 }],
    });
    log = openEventLog(broker.config);
    sql = new pg.Client({ connectionString: broker.config.logDatabaseUrl });
    await sql.connect();
  });
  afterAll(async () => {
    await sql.end();
    await log.close();
    await broker.drop();
  });

  const entry = (key: string, value: string | null): LogEntry => ({
    topic,
    key,
    headers: {},
    value: value === null ? null : Buffer.from(value),
  });
  const days = (n: number): Promise<unknown> =>
    sql.query(`update log_record set appended_at = appended_at - make_interval(days => $1) where topic = $2`, [
      n,
      topic,
    ]);
  const left = async (): Promise<string[]> => {
    while ((await log.trim?.()) !== 0) continue;
    const { rows } = await sql.query<{ key: string; value: string | null }>(
      `select key, convert_from(body, 'UTF8') as value from log_record where topic = $1 order by "offset"`,
      [topic],
    );
    return rows.map(({ key, value }) => `${key}=${value ?? 'ended'}`);
  };

  it('keeps the newest record of each key forever, and a tombstone for its days', async () => {
    await log.append([entry('a', '1'), entry('b', '1'), entry('a', '2'), entry('b', null), entry('c', '1')]);
    await days(2);
    expect(await left()).toEqual(['a=2', 'b=ended', 'c=1']);
    await days(85);
    expect(await left()).toEqual(['a=2', 'b=ended', 'c=1']);
    await days(4);
    expect(await left()).toEqual(['a=2', 'c=1']);
  });

  it('never removes the last record of a partition, up to which groups count', async () => {
    await log.append([entry('c', null)]);
    await days(200);
    expect(await left()).toEqual(['a=2', 'c=ended']);
    await log.append([entry('a', '3')]);
    expect(await left()).toEqual(['a=2', 'a=3']);
  });
});
