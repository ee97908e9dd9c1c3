import kafkajs, { type Admin, type IResourceConfigEntry, type ITopicConfig } from 'kafkajs';
import type { DeclareOptions, TopicDeclaration } from '../ports.js';

const { ConfigResourceTypes, ConfigSource } = kafkajs;
const DAY_MS = 86_400_000;

/** Creates missing topics and changes those that differ. Partitions are only added, and no topic is deleted. */
export async function declareOnKafka(
  admin: Admin,
  topics: readonly TopicDeclaration[],
  { grow = false }: DeclareOptions,
): Promise<string[]> {
  const { topics: found } = await admin.fetchTopicMetadata();
  const existing = new Map(found.map(({ name, partitions }) => [name, partitions]));
  const missing = topics.filter((topic) => !existing.has(topic.name));
  if (missing.length > 0) await admin.createTopics({ waitForLeaders: true, topics: missing.map(topicConfig) });

  const notes = missing.map((topic) => `${topic.name}: created`);
  const refused: string[] = [];
  const known = topics.filter((topic) => existing.has(topic.name));
  notes.push(...(await alterSettings(admin, known)));
  for (const topic of known) {
    const partitions = existing.get(topic.name) ?? [];
    if (topic.partitions > partitions.length) {
      const reason = await whyNotGrow(admin, topic.name, grow);
      if (reason !== null) {
        refused.push(
          `${topic.name} has ${partitions.length} partitions, ${topic.partitions} are declared, and ${reason}`,
        );
        continue;
      }
      await admin.createPartitions({ topicPartitions: [{ topic: topic.name, count: topic.partitions }] });
      notes.push(`${topic.name}: ${partitions.length} partitions became ${topic.partitions}`);
    } else if (topic.partitions < partitions.length) {
      notes.push(`${topic.name}: stays at ${partitions.length} partitions, ${topic.partitions} are declared`);
    }
    const copies = Math.min(...partitions.map(({ replicas }) => replicas.length));
    if (topic.replication !== undefined && topic.replication !== copies)
      notes.push(`${topic.name}: has ${copies} replicas, ${topic.replication} are wanted: reassign its partitions`);
  }
  if (refused.length > 0) throw new Error(refused.join('\n'));
  return notes;
}

/**
 * Returns why a topic must not get more partitions now, or null. Later records of a key would lie in another partition and could overtake
 * earlier ones, so a topic with records grows only when the caller states that nobody writes and all its records are handled.
 */
async function whyNotGrow(admin: Admin, topic: string, grow: boolean): Promise<string | null> {
  const ends = await admin.fetchTopicOffsets(topic);
  if (ends.every(({ high }) => high === '0')) return null;
  if (!grow) return 'holds records: stop the services, then say so with TOPICS_GROW=true';
  const { groups } = await admin.listGroups();
  for (const { groupId } of groups) {
    const [read] = await admin.fetchOffsets({ groupId, topics: [topic] });
    const committed = new Map((read?.partitions ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
    if ([...committed.values()].every((offset) => offset < 0n)) continue;
    const behind = ends.some(
      ({ partition, low, high }) => high !== low && BigInt(high) > (committed.get(partition) ?? -1n),
    );
    if (behind) return `group ${groupId} has not handled all of them`;
  }
  return null;
}

/** Kafka replaces all of a topic's own settings, so a setting that is no longer declared is removed. */
async function alterSettings(admin: Admin, topics: readonly TopicDeclaration[]): Promise<string[]> {
  if (topics.length === 0) return [];
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map(({ name }) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  const own = new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      settingsText(
        configEntries
          .filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG)
          .map(({ configName, configValue }) => ({ name: configName, value: configValue })),
      ),
    ]),
  );
  const changed = topics.filter((topic) => own.get(topic.name) !== settingsText(settingsOf(topic)));
  if (changed.length === 0) return [];
  await admin.alterConfigs({
    validateOnly: false,
    resources: changed.map((topic) => ({
      type: ConfigResourceTypes.TOPIC,
      name: topic.name,
      configEntries: settingsOf(topic),
    })),
  });
  return changed.map((topic) => `${topic.name}: ${settingsText(settingsOf(topic))}`);
}

function settingsText(settings: readonly IResourceConfigEntry[]): string {
  return settings
    .map(({ name, value }) => `${name}=${value}`)
    .sort()
    .join(', ');
}

function settingsOf(topic: TopicDeclaration): IResourceConfigEntry[] {
  const retention = topic.retentionDays === undefined ? -1 : topic.retentionDays * DAY_MS;
  return [
    topic.compacted === true
      ? { name: 'cleanup.policy', value: 'compact' }
      : { name: 'retention.ms', value: String(retention) },
    ...(topic.tombstoneDays === undefined
      ? []
      : [{ name: 'delete.retention.ms', value: String(topic.tombstoneDays * DAY_MS) }]),
    ...(topic.minInsyncReplicas === undefined
      ? []
      : [{ name: 'min.insync.replicas', value: String(topic.minInsyncReplicas) }]),
  ];
}

function topicConfig(topic: TopicDeclaration): ITopicConfig {
  return {
    topic: topic.name,
    numPartitions: topic.partitions,
    replicationFactor: topic.replication ?? -1,
    configEntries: settingsOf(topic),
  };
}
