import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { freePort, startKafka, type RunningKafka } from '#libs/servers';
import { brokersUnderTest, emptyDatabase, testBroker, testProxy, type TestBroker, type TestProxy } from '#libs/testing';
import type { HezongKafkaServer } from '../src/kafka/kafka-server.js';
import { discard, listParked, release } from '../src/operator.js';
import type { MessagingConfig } from '../src/ports.js';
import { messagingTablesSql } from '../src/tables.js';
import { declareTopics } from '../src/topics.js';
import { conformance } from './conformance.js';
import { EFFECT_SQL, Member } from './member.js';

const { ConfigResourceTypes } = kafkajs;

if (brokersUnderTest().includes('kafka')) {
  conformance('kafka');
  onABroker();
  behindAProxy();
} else it('Kafka is excluded by HEZONG_TEST_BROKER', () => undefined);

function onABroker(): void {
  describe('a Kafka broker with limits and faults', () => {
    let broker: TestBroker;
    let database: Awaited<ReturnType<typeof emptyDatabase>>;
    let sql: pg.Client;
    let config: MessagingConfig & { databaseUrl: string };
    let topic: string;
    const members: Member[] = [];

    beforeAll(async () => {
      broker = await testBroker('kafka');
      database = await emptyDatabase();
      config = { ...broker.config, databaseUrl: database.url, leaseMs: 6_000 };
      sql = new pg.Client({ connectionString: database.url });
      await sql.connect();
      await sql.query(messagingTablesSql());
      await sql.query(EFFECT_SQL);
    });

    beforeEach(async () => {
      topic = `hezong.${broker.prefix}.limits${Math.random().toString(36).slice(2, 8)}.v1`;
      await declareTopics(config, { topics: [{ name: topic, partitions: 2 }] });
      await sql.query('truncate effect, effect_once');
    });

    afterEach(async () => {
      await Promise.all(members.splice(0).map((member) => member.stop()));
    });

    afterAll(async () => {
      await sql.end();
      await database.drop();
    });

    async function member(name: string, over: Partial<MessagingConfig> = {}): Promise<Member> {
      const made = await Member.start({ name, config: { ...config, ...over }, topic, group: `${topic}.group` });
      members.push(made);
      return made;
    }

    /** Largest batch in bytes that the broker accepts for the topic. */
    async function limit(bytes: number): Promise<void> {
      const admin = new Kafka({ brokers: config.kafkaBrokers as string[], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: ConfigResourceTypes.TOPIC,
            name: topic,
            configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
          },
        ],
      });
      await admin.disconnect();
    }

    async function handled(wanted: number): Promise<{ key: string; n: number }[]> {
      for (const end = performance.now() + 20_000; ; await sleep(50)) {
        const { rows } = await sql.query<{ key: string; n: number }>('select key, n from effect order by id');
        if (rows.length >= wanted || performance.now() > end) return rows;
      }
    }

    const of = (rows: { key: string; n: number }[], key: string): number[] =>
      rows.filter((row) => row.key === key).map(({ n }) => n);

    it('receives a batch above its limit in parts, in order', async () => {
      await limit(60_000);
      const one = await member('a');
      // about 900 kB in one read of the relay, which no compression reduces to a sixteenth
      await one.publish(['left', 'right', 'middle'], 0, 15, 20_000);
      const rows = await handled(45);
      for (const key of ['left', 'right', 'middle'])
        expect(of(rows, key)).toEqual(Array.from({ length: 15 }, (_, i) => i));
      expect(await listParked(config.databaseUrl)).toEqual([]);
    });

    it('has a record that it never accepts set aside with later records of its key; others continue, and it is sent when released', async () => {
      await limit(60_000);
      const one = await member('a');
      await one.publish(['huge', 'fine'], 0, 1);
      await handled(2);
      await one.publish(['huge'], 1, 2, 150_000);
      await one.publish(['huge', 'fine'], 2, 5);
      const rows = await handled(5);
      expect(of(rows, 'fine')).toEqual([0, 2, 3, 4]);
      expect(of(rows, 'huge')).toEqual([0]);
      // the others may be handled before the relay has stored the record it parked
      let waiting = await listParked(config.databaseUrl);
      for (const end = performance.now() + 20_000; waiting.length < 4 && performance.now() < end; await sleep(50))
        waiting = await listParked(config.databaseUrl);
      expect(waiting.map(({ group, key, errorCode }) => [group, key, errorCode])).toEqual([
        ['relay', 'huge', 'record_too_large'],
        ...Array.from({ length: 3 }, () => ['relay', 'huge', 'key_parked']),
      ]);
      expect(await one.messaging.parked()).toBe(4);
      // readers of the topic would not notice that it is missing
      const [head] = waiting;
      expect(await one.messaging.setAside(head?.id ?? '', head?.eventId ?? '', 'operator', 'ticket')).toBe(false);
      await expect(discard(config.databaseUrl, { key: 'huge' })).rejects.toThrow('never sent');

      // another process takes over and finds it parked
      members.splice(0);
      await one.stop();
      const two = await member('b');
      await two.publish(['huge', 'fine'], 5, 6);
      expect(of(await handled(6), 'fine')).toEqual([0, 2, 3, 4, 5]);
      expect(await two.messaging.parked()).toBe(5);

      await limit(1_000_000);
      expect(await release(config.databaseUrl, { key: 'huge' })).toBe(1);
      expect(of(await handled(11), 'huge')).toEqual([0, 1, 2, 3, 4, 5]);
      expect(await listParked(config.databaseUrl)).toEqual([]);
      await two.publish(['huge'], 6, 7);
      expect(of(await handled(12), 'huge')).toEqual([0, 1, 2, 3, 4, 5, 6]);
    });

    it.each([
      // kafkajs does not retry this error
      ['kafkajs gives up', () => Promise.reject(new TypeError('broken'))],
      ['waits for what never comes', () => new Promise<never>(() => undefined)],
    ])('has a new consumer after one that %s', async (_, end) => {
      const one = await member('a', { leaseMs: 1_500 });
      await one.publish(['key'], 0, 1);
      await handled(1);
      const microservices = Reflect.get(one.app, 'microservices') as { serverInstance: HezongKafkaServer }[];
      const server = microservices[0]?.serverInstance;
      if (server === undefined) throw new Error('no server');
      const handle = server.handleBatch.bind(server);
      let failures = 0;
      server.handleBatch = (payload) => {
        if ((failures += 1) === 1) return end();
        return handle(payload);
      };
      await one.publish(['key'], 1, 3);
      expect(of(await handled(3), 'key')).toEqual([0, 1, 2]);
      expect(failures).toBeGreaterThan(1);
    });

    it('may be away when a service starts: the service answers and keeps its events', async () => {
      const nowhere = await member('away', { kafkaBrokers: [`127.0.0.1:${await freePort()}`] });
      expect(await nowhere.messaging.brokerReady()).toBe(false);
      await nowhere.publish(['key'], 0, 1);
      expect(await nowhere.messaging.backlog()).toMatchObject([{ source: 'outbox', events: 1 }]);
    });
  });
}

function behindAProxy(): void {
  describe('when connections to Kafka are lost', () => {
    const KEYS = Array.from({ length: 8 }, (_, i) => `key-${i}`);
    let kafka: RunningKafka;
    let proxy: TestProxy;
    let database: Awaited<ReturnType<typeof emptyDatabase>>;
    let sql: pg.Client;
    const members: Member[] = [];

    beforeAll(async () => {
      const port = await freePort();
      proxy = await testProxy(`127.0.0.1:${port}`);
      kafka = await startKafka({ port, advertised: proxy.port });
      database = await emptyDatabase();
      sql = new pg.Client({ connectionString: database.url });
      await sql.connect();
      await sql.query(messagingTablesSql());
      await sql.query(EFFECT_SQL);
    }, 60_000);

    afterAll(async () => {
      proxy.loseAnswers(0);
      await Promise.all(members.map((member) => member.stop()));
      await sql.end();
      await database.drop();
      await proxy.close();
      await kafka.stop();
    }, 60_000);

    it('loses no event, and handles each once and in order', async () => {
      const topic = 'hezong.cuts.stream.v1';
      const config = {
        broker: 'kafka' as const,
        kafkaBrokers: [proxy.through(kafka.broker)],
        logDatabaseUrl: 'postgres://unset',
        databaseUrl: database.url,
        leaseMs: 3_000,
      };
      await declareTopics(config, { topics: [{ name: topic, partitions: 4 }] });
      for (const name of ['a', 'b']) members.push(await Member.start({ name, config, topic, group: 'cuts' }));
      const [one] = members;
      let n = 0;
      const publish = async (rounds: number): Promise<void> => one?.publish(KEYS, n, (n += rounds));
      await publish(1);

      // only produce requests contain these bytes
      proxy.loseAnswers(3, 'ce_specversion');
      while (proxy.lost < 3) {
        await publish(1);
        await sleep(150);
      }
      let cuts = 0;
      for (let cut = 0; cut < 4; cut += 1) {
        await publish(3);
        await sleep(cut * 100);
        cuts += proxy.cut();
      }
      expect(cuts).toBeGreaterThan(0);
      proxy.pause();
      await publish(2);
      await sleep(1_500);
      proxy.resume();
      await publish(2);

      const wanted = n * KEYS.length;
      const count = async (): Promise<number> =>
        (await sql.query<{ n: number }>('select count(*)::int as n from effect')).rows[0]?.n ?? 0;
      for (const end = performance.now() + 60_000; (await count()) < wanted && performance.now() < end;)
        await sleep(100);
      const { rows } = await sql.query<{ key: string; n: number }>('select key, n from effect order by id');
      for (const key of KEYS)
        expect(rows.filter((row) => row.key === key).map((row) => row.n)).toEqual(
          Array.from({ length: n }, (_, i) => i),
        );
      expect(await listParked(config.databaseUrl)).toEqual([]);
      expect(await inLog(config.kafkaBrokers, topic)).toBeGreaterThanOrEqual(wanted);
    }, 120_000);
  });
}

/** Number of records in a topic; duplicates count twice. */
async function inLog(brokers: string[], topic: string): Promise<number> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return (await admin.fetchTopicOffsets(topic)).reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  } finally {
    await admin.disconnect();
  }
}
