import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { KafkaEventLog } from './kafka/kafka-event-log.js';
import type { DeclareOptions, EventLog, MessagingConfig, TopicDeclaration } from './ports.js';
import { PostgresEventLog } from './postgres/postgres-event-log.js';
import { retryTopicsOf } from './pipeline/retry-topics.js';

const file = z.strictObject({
  topics: z.array(
    z.strictObject({
      name: z.string().regex(/^hezong(\.[a-z][a-z0-9-]*)+\.v\d+$/),
      partitions: z.number().int().min(1).max(1000),
      compacted: z.boolean().optional(),
      tombstoneDays: z.number().int().min(1).optional(),
      retentionDays: z.number().int().min(1).optional(),
      unordered: z.array(z.string()).optional(),
    }),
  ),
});

/** File that declares all topics, relative to the root of the repository or image. */
export const TOPICS_FILE = 'deploy/kafka/topics.yaml';

export function readTopics(path: string = TOPICS_FILE): TopicDeclaration[] {
  return file.parse(parse(readFileSync(path, 'utf8'))).topics;
}

/** Opens the log of the configured transport; connects at first use. */
export function openEventLog(config: MessagingConfig): EventLog {
  return config.broker === 'kafka'
    ? new KafkaEventLog(config, `hezong-${config.instance ?? 0}`)
    : new PostgresEventLog(config.logDatabaseUrl);
}

export interface DeclareTopicsOptions extends DeclareOptions {
  readonly file?: string;
  readonly topics?: readonly TopicDeclaration[];
  /** For all topics, overrides the declared value. */
  readonly partitions?: number;
  readonly replication?: number;
  readonly minInsyncReplicas?: number;
}

/**
 * Deployment step: creates missing declared topics, on either transport, and on Kafka changes those that differ. On the postgres
 * transport `logDatabaseUrl` must be the owner's, because the step also creates the log's tables. Services never create topics. Returns,
 * as text, the changes made and the differences left.
 */
export async function declareTopics(config: MessagingConfig, options: DeclareTopicsOptions = {}): Promise<string[]> {
  const declared = options.topics ?? readTopics(options.file);
  // a group that reads several topics has one set of retry topics
  const byName = new Map(
    declared.flatMap((topic) => [topic, ...retryTopicsOf(topic)]).map((topic) => [topic.name, topic]),
  );
  const all = [...byName.values()];
  const { file: _file, topics: _topics, grow = false, ...settings } = options;
  const { replication, minInsyncReplicas = 1 } = settings;
  if (replication !== undefined && minInsyncReplicas > replication)
    throw new Error(`${minInsyncReplicas} copies must have a record, and only ${replication} are kept`);
  const log = openEventLog(config);
  try {
    return await log.declare(
      all.map((topic) => ({ ...topic, ...settings })),
      { grow },
    );
  } finally {
    await log.close();
  }
}
