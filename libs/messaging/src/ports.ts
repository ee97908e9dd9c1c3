import type { PoolClient } from 'pg';

/** Address and access of Kafka; the default is plain text without authentication. */
export interface KafkaAccess {
  readonly kafkaBrokers: readonly string[];
  readonly kafkaSsl?: 'off' | 'verify-full';
  /** PEM files; an empty name means none. */
  readonly kafkaSslCaFile?: string;
  readonly kafkaSslCertFile?: string;
  readonly kafkaSslKeyFile?: string;
  readonly kafkaSasl?: 'none' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';
  readonly kafkaSaslUsername?: string;
  readonly kafkaSaslPassword?: string;
  readonly kafkaSaslTokenUrl?: string;
  readonly kafkaSaslScope?: string;
}

/** Settings that messaging reads from a service's configuration. */
export interface MessagingConfig extends KafkaAccess {
  readonly databaseUrl?: string;
  readonly broker: 'kafka' | 'postgres';
  /** Database of the postgres transport; unused on Kafka. */
  readonly logDatabaseUrl: string;
  /** Number of this process among the instances of its service; only informative. */
  readonly instance?: number;
  /** Silence of a group member after which others take its partitions. Milliseconds; for tests. */
  readonly leaseMs?: number;
  /** Delays of the retry topics; for tests. */
  readonly retryDelaysMs?: readonly number[];
  /** How long sent and handled events are remembered. Milliseconds; for tests. */
  readonly keepMs?: { readonly outbox: number; readonly inbox: number };
}

/** One event on its way to the log. */
export interface OutgoingRecord {
  readonly topic: string;
  /** The object whose order matters; records of one key keep their order. */
  readonly key: string;
  /** `ce_id`: consumers drop ids they have handled. */
  readonly id: string;
  /** `ce_type`. */
  readonly type: string;
  /** Full name of the Protobuf message in `value`, e.g. `hezong.ledger.v1.PostingRecorded`. */
  readonly schemaName: string;
  readonly time: Date;
  /** Null: a tombstone, the end of its key. */
  readonly value: Uint8Array | null;
  /** Extra headers such as `ce_subject` and `traceparent`; they override the computed ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record with its final headers, as the transports carry it. */
export interface LogEntry {
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: a tombstone, after which a compacted topic drops the key. */
  readonly value: Uint8Array | null;
}

/** Body of a record as drivers accept it, without a copy. */
export function bytesOf({ value }: LogEntry): Buffer | null {
  return value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

export interface LogRecord extends LogEntry {
  readonly partition: number;
  /** Position in the partition; a decimal string on both transports. */
  readonly offset: string;
  /** Time when the log stored it. */
  readonly appendedAt: Date;
}

/**
 * Position of a relay: transactions are ordered by id, rows of one transaction by sequence. Ids have no meaning in another cluster, so a
 * table that keeps its rows permanently counts epochs; one that is emptied has only epoch 0.
 */
export interface RelayPosition {
  readonly epoch: number;
  readonly xid: string;
  readonly seq: string;
}

/** Position before the first event of a source. */
export const RELAY_START: RelayPosition = { epoch: 0, xid: '0', seq: '0' };

/**
 * A table whose committed rows are events. `read` returns rows with
 * `xid < pg_snapshot_xmin(pg_current_snapshot())` after the given position, ordered by (xid, seq). A sequence number
 * alone is not commit order, so a poller that remembers the last sequence would lose late commits.
 */
export interface RelaySource {
  readonly name: string;
  read(
    client: PoolClient,
    after: RelayPosition,
    limit: number,
  ): Promise<{ records: OutgoingRecord[]; next: RelayPosition }>;
  /** Committed events after the position, whether or not they can be read yet. */
  backlog(client: PoolClient, after: RelayPosition): Promise<number>;
  /**
   * Called when the database is in another cluster than the stored position; `restarted`: its transaction ids started anew there. Ensures
   * that the unpublished rows follow the returned position, in their order. Without this method the relay continues where ids continued;
   * where they did not, it stops rather than lose events.
   */
  rebase?(client: PoolClient, published: RelayPosition, restarted: boolean): Promise<RelayPosition>;
}

/** Progress of a group in one partition: `end` is the offset after the last record, `handled` the one after the last handled record. */
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
  /** Keeps the newest record of each key permanently; for an ended key, its tombstone for a while. */
  readonly compacted?: boolean;
  /** How long a tombstone stays for late readers; default one day. */
  readonly tombstoneDays?: number;
  readonly retentionDays?: number;
  /** Unordered consumer groups of this topic: they get retry topics. */
  readonly unordered?: readonly string[];
  /** Copies of each partition; default: the brokers' setting. Kafka only. */
  readonly replication?: number;
  /** Copies that must have a record before it counts as written; default: the brokers' setting. Kafka only. */
  readonly minInsyncReplicas?: number;
}

/** Limits of a declaration. */
export interface DeclareOptions {
  /** Allows more partitions also for a topic that holds records; its groups must have no lag, and nobody may be writing. */
  readonly grow?: boolean;
}

/** The log refuses a record of this size. */
export class RecordTooLarge extends Error {
  readonly code = 'record_too_large';

  constructor(readonly entry: LogEntry) {
    super(`the log takes no record of ${entry.value?.byteLength ?? 0} bytes on ${entry.topic}`);
  }
}

/** Port to the event log: everything both transports offer beside consuming. */
export interface EventLog {
  /**
   * Appends in order, in as many parts as the log needs; resolves when every record is durable.
   * @throws RecordTooLarge for the first record that the log refuses for its size; the records before it are in the log
   */
  append(entries: readonly LogEntry[]): Promise<void>;
  /** Progress of each subscription's group in all partitions of its topics. */
  lag(subscriptions: readonly Subscription[]): Promise<GroupLag[]>;
  topics(): Promise<Map<string, number>>;
  /**
   * Creates missing topics and updates settings; never deletes topics, never removes partitions. Returns, as text, the changes made and the
   * differences left.
   */
  declare(topics: readonly TopicDeclaration[], options?: DeclareOptions): Promise<string[]>;
  /** Resets a group without running members to the start of its topics. */
  rewind(subscription: Subscription): Promise<void>;
  ready(): Promise<boolean>;
  /** Removes some records beyond retention, where the log does not do it itself; returns how many, 0 when there are no more. */
  trim?(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Settings of the relay's session. Sources are read in the order of an index; a plan made while a table was small must not read and sort
 * the whole table later.
 */
export const IN_ORDER = ['seqscan', 'bitmapscan', 'sort', 'hashjoin', 'mergejoin', 'material']
  .map((way) => `set enable_${way} = off;`)
  .join(' ')
  .concat(' set jit = off');
