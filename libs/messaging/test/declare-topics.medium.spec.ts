import kafkajs, { Kafka, logLevel, type Admin } from 'kafkajs';
import { brokersUnderTest, testBroker, type TestBroker } from '#libs/testing';
import { declareTopics, type DeclareTopicsOptions } from '../src/topics.js';

const { ConfigResourceTypes } = kafkajs;
const suite = brokersUnderTest().includes('kafka') ? describe : describe.skip;

suite('the declaration of topics on Kafka', () => {
  let broker: TestBroker;
  let kafka: Kafka;
  let admin: Admin;
  let topic: string;
  let serial = 0;

  beforeAll(async () => {
    broker = await testBroker('kafka');
    kafka = new Kafka({ brokers: broker.config.kafkaBrokers, logLevel: logLevel.NOTHING });
    admin = kafka.admin();
    await admin.connect();
  });
  afterAll(() => admin.disconnect());
  beforeEach(() => {
    topic = `hezong.${broker.prefix}.declared${(serial += 1)}.v1`;
  });

  const declare = (over: object, options: DeclareTopicsOptions = {}): Promise<string[]> =>
    declareTopics(broker.config, { topics: [{ name: topic, partitions: 2, ...over }], ...options });
  const partitions = async (): Promise<number | undefined> =>
    (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length;
  const setting = async (name: string): Promise<string | undefined> => {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }];
    const answer = await admin.describeConfigs({ resources, includeSynonyms: false });
    return answer.resources[0]?.configEntries[0]?.configValue;
  };
  const write = async (): Promise<void> => {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ key: 'k', value: 'v' }] });
    await producer.disconnect();
  };

  it('follows the file: changes what differs and leaves what agrees', async () => {
    const settings = { replication: 1, minInsyncReplicas: 1 };
    expect(await declare({ retentionDays: 7 }, settings)).toEqual([`${topic}: created`]);
    expect([await setting('retention.ms'), await setting('min.insync.replicas')]).toEqual(['604800000', '1']);
    expect(await declare({ retentionDays: 7 }, settings)).toEqual([]);
    expect(await declare({ retentionDays: 30 }, settings)).toEqual([
      `${topic}: min.insync.replicas=1, retention.ms=2592000000`,
    ]);
    expect(await setting('retention.ms')).toBe('2592000000');
    await declare({ compacted: true }, settings);
    expect([await setting('cleanup.policy'), await setting('retention.ms')]).toEqual(['compact', '604800000']);
    await declare({ compacted: true, tombstoneDays: 90 }, settings);
    expect([await setting('cleanup.policy'), await setting('delete.retention.ms')]).toEqual(['compact', '7776000000']);
  });

  it('adds partitions to an empty topic, and removes none', async () => {
    await declare({});
    expect(await declare({ partitions: 4 })).toEqual([`${topic}: 2 partitions became 4`]);
    expect(await partitions()).toBe(4);
    expect(await declare({ partitions: 3 })).toEqual([`${topic}: stays at 4 partitions, 3 are declared`]);
    expect(await partitions()).toBe(4);
  });

  it('adds partitions to a topic with records only when nobody writes and everything is handled', async () => {
    await declare({});
    await write();
    await expect(declare({ partitions: 4, retentionDays: 1 })).rejects.toThrow('TOPICS_GROW=true');
    expect([await partitions(), await setting('retention.ms')]).toEqual([2, '86400000']);
    const groupId = `${broker.prefix}.reader`;
    await admin.setOffsets({ groupId, topic, partitions: [0, 1].map((partition) => ({ partition, offset: '0' })) });
    const grow = { grow: true };
    await expect(declare({ partitions: 4, retentionDays: 1 }, grow)).rejects.toThrow(`${groupId} has not handled`);
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.setOffsets({
      groupId,
      topic,
      partitions: ends.map(({ partition, high: offset }) => ({ partition, offset })),
    });
    expect(await declare({ partitions: 4, retentionDays: 1 }, grow)).toEqual([`${topic}: 2 partitions became 4`]);
  });

  it('refuses a minimum of in-sync replicas above the number of replicas', async () => {
    await expect(declare({}, { replication: 1, minInsyncReplicas: 2 })).rejects.toThrow('only 1 are kept');
  });
});
