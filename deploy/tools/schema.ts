import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { migrate, provision, withDatabase } from '#libs/postgres';
import { startPostgres } from '#libs/servers';
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

const surplus: string[] = [];
for (const { name } of databaseServices()) {
  const present = await readdir(folderOf(name), { recursive: true, withFileTypes: true }).catch(() => []);
  const files = present.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`);
  surplus.push(...files.filter((file) => !wanted.has(file)));
}
if (process.argv.includes('--check')) {
  const stale = [...surplus];
  for (const [file, text] of wanted) if ((await readFile(file, 'utf8').catch(() => '')) !== text) stale.push(file);
  if (stale.length > 0) {
    console.error(`out of date: ${stale.join(', ')}; run npm run gen:schema`);
    process.exitCode = 1;
  }
} else {
  for (const file of surplus) await rm(file);
  for (const [file, text] of wanted) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
