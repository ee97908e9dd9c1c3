import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type INestApplication } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import { DataSource } from 'typeorm';
import { monotonicMs } from '#libs/kernel';
import { HezongKafkaServer } from './kafka/kafka-server.js';
import { Messaging } from './messaging.js';
import { EVENT_LOG } from './tokens.js';
import { BINDING, type Binding } from './on-events.js';
import { GroupHandlers } from './pipeline/group-handlers.js';
import { Releaser } from './pipeline/releaser.js';
import { delaysOf, retryTopicNames } from './pipeline/retry-topics.js';
import type { EventLog, MessagingConfig } from './ports.js';
import { HezongPostgresServer } from './postgres/postgres-server.js';

const BROKER_PATIENCE_MS = 10_000;

interface Group {
  readonly ordered: boolean;
  readonly topics: string[];
}

/**
 * Connects one Nest microservice per consumer group of the application. Refuses when a subscribed topic has not been declared, or when a
 * group has two handlers for a topic. The returned function starts them. While the broker is away they wait for it, because callers of
 * the service do not need them.
 */
export async function attachConsumers(app: INestApplication, config: MessagingConfig): Promise<() => Promise<void>> {
  const messaging = app.get(Messaging, { strict: false });
  const groups = groupsOf(app);
  if (groups.size === 0) return () => Promise.resolve();
  const log = app.get<EventLog>(EVENT_LOG, { strict: false });
  const dataSource = app.get(DataSource, { strict: false });
  for (const [group, { ordered, topics }] of groups) {
    messaging.subscribe({ group, topics });
    if (!ordered) messaging.subscribe({ group: `${group}.retry`, topics: retryTopicNames(group) });
  }
  await assertDeclared(
    log,
    messaging.subscribed().flatMap((subscription) => subscription.topics),
  );

  const all: GroupHandlers[] = [];
  const connect = (group: string, ordered: boolean, groupId: string, topics: readonly string[]): void => {
    const handlers = new GroupHandlers(group, ordered, dataSource, log);
    app.connectMicroservice({ strategy: strategyFor(config, groupId, topics, handlers) }, { inheritAppConfig: false });
    if (groupId === group) all.push(handlers);
  };
  for (const [group, { ordered, topics }] of groups) {
    connect(group, ordered, group, topics);
    if (!ordered) connect(group, ordered, `${group}.retry`, retryTopicNames(group));
  }
  return async () => {
    await app.startAllMicroservices();
    messaging.attach(new Releaser(dataSource, all));
  };
}

function strategyFor(
  config: MessagingConfig,
  groupId: string,
  topics: readonly string[],
  handlers: GroupHandlers,
): CustomTransportStrategy {
  const delayOf = delaysOf(config.retryDelaysMs);
  const lease = config.leaseMs;
  return config.broker === 'kafka'
    ? new HezongKafkaServer({
        access: config,
        clientId: `hezong-${config.instance ?? 0}`,
        groupId,
        topics,
        handlers,
        delayOf,
        ...(lease === undefined ? {} : { sessionTimeoutMs: lease }),
      })
    : new HezongPostgresServer({
        databaseUrl: config.logDatabaseUrl,
        groupId,
        topics,
        handlers,
        delayOf,
        ...(lease === undefined ? {} : { leaseMs: lease }),
      });
}

/** Finds every `@OnEvents` of the application's controllers. */
function groupsOf(app: INestApplication): Map<string, Group> {
  const groups = new Map<string, Group>();
  const scanner = new MetadataScanner();
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      const prototype = (typeof metatype === 'function' ? metatype.prototype : null) as object | null;
      if (prototype === null) continue;
      for (const name of scanner.getAllMethodNames(prototype)) {
        const method: unknown = Reflect.get(prototype, name);
        const binding = (typeof method === 'function' ? Reflect.getMetadata(BINDING, method) : undefined) as
          Binding | undefined;
        if (binding !== undefined) join(groups, binding);
      }
    }
  }
  return groups;
}

function join(groups: Map<string, Group>, { group, topic, ordered }: Binding): void {
  const known = groups.get(group) ?? { ordered, topics: [] };
  if (known.ordered !== ordered) throw new Error(`group ${group} is both ordered and unordered`);
  if (known.topics.includes(topic)) throw new Error(`group ${group} has two handlers for ${topic}`);
  known.topics.push(topic);
  groups.set(group, known);
}

async function assertDeclared(log: EventLog, topics: readonly string[]): Promise<void> {
  const known = await patiently(() => log.topics());
  if (known === null) return;
  const missing = [...new Set(topics)].filter((topic) => !known.has(topic));
  if (missing.length > 0) {
    throw new Error(`not declared at the broker: ${missing.join(', ')}; run the deploy step that creates topics`);
  }
}

/** Partitions of the topics; the broker may still be starting, so null when it does not answer. */
async function patiently<T>(work: () => Promise<T>): Promise<T | null> {
  for (const end = monotonicMs() + BROKER_PATIENCE_MS; ;) {
    try {
      return await work();
    } catch (error) {
      if (monotonicMs() > end) {
        new Logger('Messaging').warn(`the broker is away, consumers join when it is back: ${String(error)}`);
        return null;
      }
      await sleep(500);
    }
  }
}
