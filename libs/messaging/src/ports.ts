import type { PoolClient } from 'pg';

/** Where Kafka is and how to speak to it: without more, in the clear and as nobody. */
export interface KafkaAccess {
  readonly kafkaBrokers: readonly string[];
  readonly kafkaSsl?: 'off' | 'verify-full';
  /** Files, PEM; an empty name is none. */
  readonly kafkaSslCaFile?: string;
  readonly kafkaSslCertFile?: string;
  readonly kafkaSslKeyFile?: string;
  readonly kafkaSasl?: 'none' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';
  readonly kafkaSaslUsername?: string;
  readonly kafkaSaslPassword?: string;
  readonly kafkaSaslTokenUrl?: string;
  readonly kafkaSaslScope?: string;
}

/** What messaging reads of a service's configuration. */
export interface MessagingConfig extends KafkaAccess {
  readonly databaseUrl?: string;
  readonly broker: 'kafka' | 'postgres';
  /** Database of the postgres transport; unused on Kafka. */
  readonly logDatabaseUrl: string;
  /** Number of this process among the instances of its service; only for people. */
  readonly instance?: number;
  /** How long a member of a group may be silent before others take its partitions. Milliseconds; for tests. */
  readonly leaseMs?: number;
  /** Delays of the retry topics; for tests. */
  readonly retryDelaysMs?: readonly number[];
  /** How long what was sent and what was handled is remembered. Milliseconds; for tests. */
  readonly keepMs?: { readonly outbox: number; readonly inbox: number };
}

/** One event on its way to the log. */
export interface OutgoingRecord {
  readonly topic: string;
  /** The thing whose order matters; records of one key keep their order. */
  readonly key: string;
  /** `ce_id`: consumers drop what they have seen. */
  readonly id: string;
  /** `ce_type`. */
  readonly type: string;
  /** Full name of the Protobuf message in `value`, e.g. `hezong.ledger.v1.PostingRecorded`. */
  readonly schemaName: string;
  readonly time: Date;
  /** Null: a tombstone, the end of its key. */
  readonly value: Uint8Array | null;
  /** Extra headers: `ce_subject`, `traceparent` and the like; they win over the computed ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record with its final headers, as the transports carry it. */
export interface LogEntry {
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: a tombstone, after which a compacted topic forgets the key. */
  readonly value: Uint8Array | null;
}

/** The body of a record as drivers take it, without copying it. */
export function bytesOf({ value }: LogEntry): Buffer | null {
  return value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** A record as read from the log. */
export interface LogRecord extends LogEntry {
  readonly partition: number;
  /** Position in the partition; a decimal string on both transports. */
  readonly offset: string;
  /** When the log took it. */
  readonly appendedAt: Date;
}

/**
 * Position of a relay: transactions are ordered by id, rows of one transaction by sequence. Ids mean nothing in another cluster, so a
 * table that keeps its rows forever counts epochs; one that is emptied has only epoch 0.
 */
export interface RelayPosition {
  readonly epoch: number;
  readonly xid: string;
  readonly seq: string;
}

/** Before the first event of a source. */
export const RELAY_START: RelayPosition = { epoch: 0, xid: '0', seq: '0' };

/**
 * A table whose committed rows are events. `read` returns rows with
 * `xid < pg_snapshot_xmin(pg_current_snapshot())` after the given position, ordered by (xid, seq): a sequence number
 * alone is not commit order, so a poller that remembers the last sequence would lose late commits.
 */
export interface RelaySource {
  readonly name: string;
  read(
    client: PoolClient,
    after: RelayPosition,
    limit: number,
  ): Promise<{ records: OutgoingRecord[]; next: RelayPosition }>;
  /** Committed events after the position, whether or not they may be read yet. */
  backlog(client: PoolClient, after: RelayPosition): Promise<number>;
  /**
   * The database is in another cluster than when the position was stored; `restarted`: its transaction ids started anew there. Sees to it
   * that the unpublished rows come after the position it answers, in their order. Without it the relay goes on where ids went on, and
   * stops where they did not rather than lose events.
   */
  rebase?(client: PoolClient, published: RelayPosition, restarted: boolean): Promise<RelayPosition>;
}

/** How far a group is in one partition: `end` is the offset after the last record, `handled` the one after the last handled. */
export interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  readonly end: bigint;
  readonly handled: bigint;
}

export interface GroupLag {
  readonly group: string;
  readonly progress: readonly PartitionProgress[];
}

export interface Subscription {
  readonly group: string;
  readonly topics: readonly string[];
}

export interface TopicDeclaration {
  readonly name: string;
  readonly partitions: number;
  /** Newest record of a key is kept forever; of a key that ended, its tombstone for a while. */
  readonly compacted?: boolean;
  /** How long a tombstone stays for those who come late, without: a day. */
  readonly tombstoneDays?: number;
  readonly retentionDays?: number;
  /** Unordered consumer groups of this topic: they get retry topics. */
  readonly unordered?: readonly string[];
  /** Copies of each partition; without, as many as the brokers make by themselves. Kafka only. */
  readonly replication?: number;
  /** Copies that must have a record before it counts as written; without, as the brokers are set. Kafka only. */
  readonly minInsyncReplicas?: number;
}

/** How far a declaration may go. */
export interface DeclareOptions {
  /** More partitions also for a topic that holds records; its groups must have no lag, and nobody may be writing. */
  readonly grow?: boolean;
}

/** The log takes no record of this size. */
export class RecordTooLarge extends Error {
  readonly code = 'record_too_large';

  constructor(readonly entry: LogEntry) {
    super(`the log takes no record of ${entry.value?.byteLength ?? 0} bytes on ${entry.topic}`);
  }
}

/** Port to the event log: what both transports can do beside consuming. */
export interface EventLog {
  /**
   * Appends in order, in as many parts as the log needs; resolves when every record is durable.
   * @throws RecordTooLarge for the first record that the log refuses for its size; those before it are in the log
   */
  append(entries: readonly LogEntry[]): Promise<void>;
  /** How far each subscription's group is in all partitions of its topics. */
  lag(subscriptions: readonly Subscription[]): Promise<GroupLag[]>;
  /** Topics that exist, with their number of partitions. */
  topics(): Promise<Map<string, number>>;
  /**
   * Creates what is missing and brings settings up to date; never deletes, never takes partitions away. Answers what it
   * changed, or left though it differs, in words.
   */
  declare(topics: readonly TopicDeclaration[], options?: DeclareOptions): Promise<string[]>;
  /** Puts a group without running members back to the start of its topics. */
  rewind(subscription: Subscription): Promise<void>;
  ready(): Promise<boolean>;
  /** Removes some of what retention allows to go, where the log does not do it by itself; answers how many, 0 when there is no more. */
  trim?(): Promise<number>;
  close(): Promise<void>;
}

/** Settings of the relay's session. A plan made while a table was small must not read it whole and sort it later: sources are read in the order of an index. */
export const IN_ORDER = ['seqscan', 'bitmapscan', 'sort', 'hashjoin', 'mergejoin', 'material']
  .map((way) => `set enable_${way} = off;`)
  .join(' ')
  .concat(' set jit = off');
