import { setTimeout as sleep } from 'node:timers/promises';
import { ServerKafka, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { Batches, monotonicMs, systemNow } from '#libs/kernel';
import { counter } from '#libs/observability';
import { breathe } from '../pipeline/breath.js';
import type { GroupHandlers } from '../pipeline/group-handlers.js';
import { LostWork } from '../pipeline/faults.js';
import type { DelayOf } from '../pipeline/retry-topics.js';
import type { KafkaAccess, LogRecord } from '../ports.js';
import { connectionOf } from './kafka-connection.js';

const crashes = counter('hezong_consumer_crashes_total', 'Consumers that crashed and restarted.', ['group']);

const CHUNK = 500;
/** Most records in one transaction. */
const MOST_RECORDS = 1_000;
const JOIN_AGAIN_MS = 1_000;
const LEAVE_PATIENCE_MS = 5_000;
const SESSION_MS = 30_000;
/** Session timeouts within which a consumer gets some answer even while its group waits for a crashed member. */
const SILENT_SESSIONS = 3;
/** Number of checks in that time. */
const LOOKS = 12;

interface KafkaDelivery {
  readonly records: readonly LogRecord[];
  readonly payload: EachBatchPayload;
  readonly last: KafkaMessage;
}

export interface KafkaServerOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  /** Exact group id at the broker. */
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly handlers: GroupHandlers;
  readonly delayOf: DelayOf;
  /** Silence after which the group continues without this member; must exceed the handlers' timeout. */
  readonly sessionTimeoutMs?: number;
}

/**
 * Nest's Kafka transport, with those parts replaced that lose, corrupt or endlessly repeat events: whole batches instead of single
 * messages, bodies as bytes, exact group names, its own error policy, and offsets committed after the transaction.
 * Guards, pipes and interceptors of the handlers work as usual.
 */
export class HezongKafkaServer extends ServerKafka implements CustomTransportStrategy {
  private combiner: Batches<KafkaDelivery, undefined>;
  private closing: Promise<void> | null = null;

  constructor(private readonly setup: KafkaServerOptions) {
    const sessionTimeout = setup.sessionTimeoutMs ?? SESSION_MS;
    super({
      postfixId: '',
      parser: { keepBinary: true },
      client: {
        ...connectionOf(setup.access),
        clientId: setup.clientId,
        // kafkajs reports each step of a reconnect as an error; crashes are reported below
        logCreator: () => () => undefined,
        connectionTimeout: 3_000,
        // a crashed member delays the answers to the others for the rest of its session
        requestTimeout: sessionTimeout + 5_000,
        retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 10 },
      },
      consumer: {
        groupId: setup.groupId,
        allowAutoTopicCreation: false,
        sessionTimeout,
        heartbeatInterval: sessionTimeout / 10,
        rebalanceTimeout: 2 * sessionTimeout,
        // how long an empty fetch waits; records are returned immediately
        maxWaitTimeInMs: 1_000,
        minBytes: 1,
        maxBytesPerPartition: 1_048_576,
        retry: {
          initialRetryTime: 100,
          maxRetryTime: 5_000,
          retries: 10,
          // a consumer that ends for any reason is replaced
          restartOnFailure: () => Promise.resolve(false),
        },
      },
    });
    this.combiner = this.combining();
  }

  /** One transaction for the deliveries of several partitions. A partition has at most one pending delivery, so its order is kept. */
  private combining(): Batches<KafkaDelivery, undefined> {
    const pipeline = this.setup.handlers.pipeline();
    const work = async (deliveries: readonly KafkaDelivery[]): Promise<undefined[]> => {
      const began = monotonicMs();
      const records = deliveries.flatMap((delivery) => [...delivery.records]);
      await pipeline.process(records, async () => deliveries[0]?.payload.heartbeat());
      await commit(deliveries);
      await breathe(records.length, began, this.setup.handlers.stopping);
      return deliveries.map(() => undefined);
    };
    return new Batches(work, { batch: MOST_RECORDS, weight: ({ records }) => records.length, allFail: true });
  }

  /** Nest passes every handler of the application; the group takes its own. */
  override addHandler(
    _pattern: unknown,
    callback: MessageHandler,
    _isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    this.setup.handlers.offer(callback, extras);
  }

  override start(callback: () => void): Promise<void> {
    if (this.client === null) throw new Error('no Kafka client');
    const consumer = this.client.consumer({ ...this.options.consumer, groupId: this.groupId });
    this.consumer = consumer;
    this.registerConsumerEventListeners();
    consumer.on(consumer.events.CRASH, ({ payload }) => void this.replace(consumer, payload.error.message));
    // an abandoned consumer that resumes later leaves the group
    consumer.on(consumer.events.FETCH_START, () => {
      if (this.consumer !== consumer) void leaveGroup(consumer);
    });
    this.watch(consumer);
    void this.join(consumer);
    return Promise.resolve(callback());
  }

  /**
   * A consumer always has a request pending at the broker: for events, or for its place in the group. One without an answer for longer than
   * any answer may take is stuck. Checks are counted instead of time, because the process itself may have been suspended.
   */
  private watch(consumer: Consumer): void {
    const sessionTimeout = this.setup.sessionTimeoutMs ?? SESSION_MS;
    let silent = 0;
    const heard = (): void => void (silent = 0);
    for (const sign of [consumer.events.REQUEST, consumer.events.REQUEST_TIMEOUT, consumer.events.FETCH])
      consumer.on(sign, heard);
    const timer = setInterval(
      () => {
        if (this.isLeaving() || this.consumer !== consumer) return clearInterval(timer);
        silent += 1;
        if (silent > LOOKS) void this.replace(consumer, 'it has received nothing from the broker for too long');
      },
      (SILENT_SESSIONS * sessionTimeout) / LOOKS,
    );
    timer.unref();
  }

  private async replace(consumer: Consumer, why: string): Promise<void> {
    if (this.consumer !== consumer || this.isLeaving()) return;
    this.consumer = null;
    crashes.inc({ group: this.groupId });
    this.logger.warn(`consumer ${this.groupId} crashed, another takes its place: ${why}`);
    await leaveGroup(consumer);
    await sleep(JOIN_AGAIN_MS, undefined, { ref: false });
    if (this.isLeaving()) return;
    // unfinished deliveries of the old consumer must not delay those of the new one
    this.combiner = this.combining();
    await this.start(() => undefined);
  }

  /**
   * Connects and joins the group without delaying the start: this process can answer calls while the broker is away, or while the group
   * waits for the session of a crashed member to end.
   */
  private async join(consumer: Consumer): Promise<void> {
    while (!this.isLeaving() && this.consumer === consumer) {
      try {
        await consumer.connect();
        if (this.consumer !== consumer) return;
        await this.bindEvents(consumer);
        return;
      } catch (error) {
        if (this.isLeaving()) return;
        this.logger.error(`consumer ${this.groupId} cannot join, tries again: ${String(error)}`);
        await sleep(JOIN_AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  override async bindEvents(consumer: Parameters<ServerKafka['bindEvents']>[0]): Promise<void> {
    await consumer.subscribe({ topics: [...this.setup.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      // deliveries of all partitions may wait at the same time; the combiner puts them into one transaction
      partitionsConsumedConcurrently: 64,
      eachBatch: (payload) => this.handleBatch(payload),
    });
  }

  private isLeaving(): boolean {
    return this.setup.handlers.stopping.aborted;
  }

  /** Handles one delivery of one partition. Can be called with a constructed payload, without a broker. */
  async handleBatch(payload: EachBatchPayload): Promise<void> {
    const { topic, messages } = payload.batch;
    const delayMs = this.setup.delayOf(topic);
    for (let from = 0; from < messages.length; from += CHUNK) {
      if (!payload.isRunning() || payload.isStale() || this.setup.handlers.stopping.aborted) return;
      const chunk = messages.slice(from, from + CHUNK);
      const early = delayMs === 0 ? -1 : chunk.findIndex((message) => waitFor(message, delayMs) > 0);
      const due = early < 0 ? chunk : chunk.slice(0, early);
      if (due.length > 0 && !(await this.handleChunk(payload, due))) return;
      const next = chunk[due.length];
      if (next !== undefined) {
        const resume = payload.pause();
        setTimeout(resume, waitFor(next, delayMs)).unref();
        return;
      }
    }
  }

  override async close(): Promise<void> {
    this.setup.handlers.leave();
    this.closing ??= this.consumer === null ? Promise.resolve() : leaveGroup(this.consumer);
    await this.closing;
    this.consumer = null;
    this.client = null;
  }

  private async handleChunk(payload: EachBatchPayload, messages: readonly KafkaMessage[]): Promise<boolean> {
    const { topic, partition } = payload.batch;
    const last = messages.at(-1);
    if (last === undefined) return true;
    try {
      const records = messages.map((message) => toRecord(topic, partition, message));
      await this.combiner.add({ records, payload, last });
      return true;
    } catch (error) {
      // kafkajs handles rebalances; when leaving, the next owner repeats all that was not committed
      if (error instanceof LostWork) throw error.cause as Error;
      if (this.setup.handlers.stopping.aborted) return false;
      throw error;
    }
  }
}

/**
 * Waits for the running delivery, which commits its finished records, but not for a group that itself waits for a crashed member.
 * Records that are cut off go to another member, and the inbox drops those already handled.
 */
async function leaveGroup(consumer: Consumer): Promise<void> {
  const left = consumer.disconnect();
  left.catch(() => undefined);
  await Promise.race([left, sleep(LEAVE_PATIENCE_MS, undefined, { ref: false })]);
}

/** One request for all partitions handled together, sent immediately so that the lag is accurate. */
async function commit(deliveries: readonly KafkaDelivery[]): Promise<void> {
  const topics = new Map<string, { partition: number; offset: string }[]>();
  for (const { payload, last } of deliveries) {
    payload.resolveOffset(last.offset);
    const { topic, partition } = payload.batch;
    const offset = (BigInt(last.offset) + 1n).toString();
    topics.set(topic, [...(topics.get(topic) ?? []), { partition, offset }]);
  }
  const [first] = deliveries;
  await first?.payload.commitOffsetsIfNecessary({
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
  });
  await first?.payload.heartbeat();
}

/** Milliseconds until a record of a retry topic is due. */
function waitFor(message: KafkaMessage, delayMs: number): number {
  return Number(message.timestamp) + delayMs - systemNow().getTime();
}

function toRecord(topic: string, partition: number, message: KafkaMessage): LogRecord {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.map(String).join(',') : value.toString();
  }
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key?.toString() ?? '',
    headers,
    value: message.value,
    appendedAt: new Date(Number(message.timestamp)),
  };
}
