import { CompressionTypes, Partitioners, type Admin, type Kafka, type Producer } from 'kafkajs';
import { bytesOf, RecordTooLarge } from '../ports.js';
import type {
  DeclareOptions,
  EventLog,
  GroupLag,
  KafkaAccess,
  LogEntry,
  PartitionProgress,
  Subscription,
  TopicDeclaration,
} from '../ports.js';
import { declareOnKafka } from './declare-topics.js';
import { kafkaClient } from './kafka-connection.js';
import { halves, partsOf, sizeOf } from './parts.js';
import { lookOnlyWhenRequestsWait } from './request-queue.js';

lookOnlyWhenRequestsWait();

/** Parts above this size are compressed. Bytes. */
const SMALL = 32_768;

/** The event log on a Kafka cluster: idempotent producer, acknowledged by all in-sync replicas, no transactions. */
export class KafkaEventLog implements EventLog {
  private readonly kafka: Kafka;
  private producer: Promise<Producer> | null = null;
  private admin: Promise<Admin> | null = null;
  private closed = false;

  constructor(access: KafkaAccess, clientId: string) {
    this.kafka = kafkaClient(access, clientId);
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    const parts = partsOf(entries);
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      try {
        await this.appendPart(part);
      } catch (error) {
        if (!isTooLarge(error)) throw error;
        const [first] = part;
        if (part.length === 1 && first !== undefined) throw new RecordTooLarge(first);
        // the broker's limit is unknown here
        parts.unshift(...halves(part));
      }
    }
  }

  private async appendPart(entries: readonly LogEntry[]): Promise<void> {
    const byTopic = new Map<string, LogEntry[]>();
    for (const entry of entries) {
      const group = byTopic.get(entry.topic);
      if (group === undefined) byTopic.set(entry.topic, [entry]);
      else group.push(entry);
    }
    const producer = await this.producing();
    try {
      await this.send(producer, byTopic, sizeOf(entries) > SMALL);
    } catch (error) {
      // after a failed send, kafkajs's idempotent producer may continue with sequence numbers that the broker always refuses
      this.producer = null;
      producer.disconnect().catch(() => undefined);
      throw error;
    }
  }

  private async send(
    producer: Producer,
    byTopic: ReadonlyMap<string, readonly LogEntry[]>,
    compressed: boolean,
  ): Promise<void> {
    await producer.sendBatch({
      acks: -1,
      compression: compressed ? CompressionTypes.GZIP : CompressionTypes.None,
      topicMessages: [...byTopic].map(([topic, group]) => ({
        topic,
        messages: group.map((entry) => ({
          key: entry.key,
          value: bytesOf(entry),
          headers: { ...entry.headers },
        })),
      })),
    });
  }

  async lag(subscriptions: readonly Subscription[]): Promise<GroupLag[]> {
    const admin = await this.administering();
    const topics = [...new Set(subscriptions.flatMap((subscription) => [...subscription.topics]))];
    const ends = new Map(
      await Promise.all(topics.map(async (topic) => [topic, await admin.fetchTopicOffsets(topic)] as const)),
    );
    return Promise.all(
      subscriptions.map(async ({ group, topics: own }) => {
        const committed = await admin.fetchOffsets({ groupId: group, topics: [...own] });
        const progress: PartitionProgress[] = [];
        for (const { topic, partitions } of committed) {
          const at = new Map(partitions.map((partition) => [partition.partition, BigInt(partition.offset)]));
          for (const end of ends.get(topic) ?? []) {
            const position = at.get(end.partition) ?? -1n;
            const low = BigInt(end.low);
            const handled = position < low ? low : position;
            progress.push({ topic, partition: end.partition, end: BigInt(end.high), handled });
          }
        }
        return { group, progress };
      }),
    );
  }

  async topics(): Promise<Map<string, number>> {
    const admin = await this.administering();
    const { topics } = await admin.fetchTopicMetadata();
    return new Map(topics.map((topic) => [topic.name, topic.partitions.length]));
  }

  async declare(topics: readonly TopicDeclaration[], options: DeclareOptions = {}): Promise<string[]> {
    return declareOnKafka(await this.administering(), topics, options);
  }

  async rewind({ group, topics }: Subscription): Promise<void> {
    const admin = await this.administering();
    for (const topic of topics) await admin.resetOffsets({ groupId: group, topic, earliest: true });
  }

  async ready(): Promise<boolean> {
    if (this.closed) return false;
    const admin = await this.administering();
    const { brokers } = await admin.describeCluster();
    return brokers.length > 0;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const connecting of [this.producer, this.admin]) {
      const client = await connecting?.catch(() => null);
      await client?.disconnect();
    }
  }

  /** Connects at first use; after a failed attempt, the next use tries again. */
  private producing(): Promise<Producer> {
    this.producer ??= this.connected(
      this.kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 2_000 },
      }),
      () => (this.producer = null),
    );
    return this.producer;
  }

  private administering(): Promise<Admin> {
    this.admin ??= this.connected(
      this.kafka.admin({ retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 } }),
      () => (this.admin = null),
    );
    return this.admin;
  }

  private async connected<C extends Producer | Admin>(client: C, forget: () => void): Promise<C> {
    try {
      await client.connect();
      return client;
    } catch (error) {
      forget();
      throw error;
    }
  }
}

/** Whether the broker refused a batch of records because of its size. */
function isTooLarge(error: unknown): boolean {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth += 1) {
    const type: unknown = Reflect.get(at, 'type');
    if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') return true;
    const errors: unknown = Reflect.get(at, 'errors');
    at = Reflect.get(at, 'cause') ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return false;
}
