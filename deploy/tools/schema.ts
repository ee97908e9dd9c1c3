import { migrate, provision, withDatabase } from '#libs/postgres';
import { startPostgres } from '#libs/servers';
import { writeOrCheck } from './generated.js';
import { schemaOf } from './schema/schema-of.js';
import { databaseServices } from './services.js';

/** Writes services/<service>/schema from an empty migrated database of each; with --check it only compares and fails on drift. */
const folderOf = (service: string): string => `services/${service}/schema`;

const wanted = new Map<string, string>();
const ended = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
const server = await startPostgres({
  sharedBuffers: '64MB',
  maxConnections: 20,
  settings: { fsync: 'off' },
  signal: ended.signal,
});
try {
  for (const { name, migrations } of databaseServices()) {
    const { databaseUrl, migrationUrl } = await provision(server.adminUrl, name);
    const adminUrl = withDatabase(server.adminUrl, new URL(databaseUrl).pathname.slice(1));
    const files = await schemaOf(adminUrl, name, () => migrate(migrationUrl, migrations));
    for (const [file, text] of files) wanted.set(`${folderOf(name)}/${file}`, text);
  }
} finally {
  await server.stop();
}

const folders = databaseServices().map(({ name }) => folderOf(name));
await writeOrCheck('gen:schema', wanted, folders);
