import type { TopicDeclaration } from '../ports.js';

/** Delays of an unordered group's retry topics, in order; the dead letters follow the last one. Milliseconds. */
export const RETRY_STAGES = [
  { name: '10s', delayMs: 10_000 },
  { name: '1m', delayMs: 60_000 },
  { name: '10m', delayMs: 600_000 },
] as const;

/** Names of a group's retry topics, in the order that a record passes them. */
export function retryTopicNames(group: string): string[] {
  return RETRY_STAGES.map((stage) => `hezong.retry.${group}.${stage.name}.v1`);
}

/** Delay of a topic's records in milliseconds: 0 for all but retry topics. */
export type DelayOf = (topic: string) => number;

export function delaysOf(overrides: readonly number[] = []): DelayOf {
  return (topic) => {
    if (!topic.startsWith('hezong.retry.')) return 0;
    const stage = RETRY_STAGES.findIndex(({ name }) => topic.endsWith(`.${name}.v1`));
    return overrides[stage] ?? RETRY_STAGES[stage]?.delayMs ?? 0;
  };
}

/** Retry topics of a declared topic: one set per unordered group. */
export function retryTopicsOf(topic: TopicDeclaration): TopicDeclaration[] {
  return (topic.unordered ?? []).flatMap((group) =>
    retryTopicNames(group).map((name) => ({ name, partitions: Math.min(topic.partitions, 3), retentionDays: 7 })),
  );
}
