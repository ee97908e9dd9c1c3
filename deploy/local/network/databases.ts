import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrateService, type AnyServiceDefinition } from '#libs/http';
import { declareTopics, type MessagingConfig } from '#libs/messaging';
import { provision, withClient, type ProvisionedDatabase } from '#libs/postgres';
import type { Broker } from './broker.js';
import { projectRoot } from './root.js';
import { writePrivate } from './sandbox-file.js';
import type { Secrets } from './secrets.js';

/** Name of the database that holds the event log of the postgres transport. */
export const LOG = 'log';

/** Creates databases and roles of all services and of the log; can be repeated. */
export async function provisionAll(
  adminUrl: string,
  names: readonly string[],
  secrets: Secrets,
): Promise<Map<string, ProvisionedDatabase>> {
  const databases = new Map<string, ProvisionedDatabase>();
  for (const name of names) databases.set(name, await provision(adminUrl, name, secrets.databases[name]));
  return databases;
}

/** Runs the migrations of every service and declares the topics, as a deployment does before it starts the services. */
export async function prepare(
  definitions: readonly AnyServiceDefinition[],
  envOf: (name: string) => Record<string, string>,
  broker: Broker,
  logOwnerUrl: string,
): Promise<void> {
  for (const definition of definitions) await migrateService(definition, envOf(definition.name));
  const config: MessagingConfig = {
    broker: broker.kind,
    kafkaBrokers: broker.kafkaBrokers.split(',').filter((text) => text !== ''),
    logDatabaseUrl: logOwnerUrl,
  };
  await declareTopics(config, { file: join(projectRoot(), 'deploy/kafka/topics.yaml') });
}

/**
 * The broker may change between two starts. Then every event is sent once more, to the new one: consumers drop events they have handled by
 * id, and events left in the old one are not lost.
 */
export async function resendOnChange(
  dataDir: string,
  broker: Broker,
  databases: Iterable<ProvisionedDatabase>,
  notice: (text: string) => void,
): Promise<void> {
  const file = join(dataDir, 'network.json');
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { broker?: string }).broker : undefined;
  if (known !== undefined && known !== broker.kind) {
    notice(`this data was used with ${known} before: all events are sent again, to ${broker.kind}`);
    for (const { migrationUrl } of databases) {
      await withClient(migrationUrl, (client) =>
        client.query(
          "do $$ begin if to_regclass('relay_cursor') is not null then delete from relay_cursor; end if; end $$",
        ),
      );
    }
  }
  writePrivate(file, { broker: broker.kind });
}
