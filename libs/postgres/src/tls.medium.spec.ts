import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { removePostgresData, startPostgres, type RunningPostgres } from '#libs/servers';
import { certificateAuthority } from '#libs/testing';
import { createClient, createPool } from './connection.js';
import { dataSourceOptions } from './data-source.js';
import { listen } from './listen.js';
import { defineMigration, migrate } from './migrations.js';
import { provision, type ProvisionedDatabase } from './provision.js';

const SETTINGS = { sharedBuffers: '32MB', settings: { max_wal_size: '128MB', min_wal_size: '64MB' } };
const authority = certificateAuthority();
const stranger = certificateAuthority('Somebody else');
let directory: string;
let server: RunningPostgres;
let database: ProvisionedDatabase;
const caFile = (): string => join(directory, 'ca.pem');

/** The same URL with the given TLS rules. */
function by(url: string, parameters: Record<string, string>): string {
  const changed = new URL(url);
  changed.search = new URLSearchParams(parameters).toString();
  return changed.toString();
}
const verified = (url: string): string => by(url, { sslmode: 'verify-full', sslrootcert: caFile() });

/** A server that accepts its superuser on any connection, for its own start, and all other users only over TLS. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hezong-tls-'));
  chmodSync(directory, 0o755);
  writeFileSync(caFile(), authority.cert);
  writeFileSync(join(directory, 'stranger.pem'), stranger.cert);
  const dataDir = join(directory, 'data');
  await (await startPostgres({ ...SETTINGS, dataDir })).stop();
  const place = realpathSync(dataDir);
  const { uid, gid } = statSync(place);
  const { cert, key } = authority.issue('books', '127.0.0.1');
  for (const [name, text] of [
    ['server.crt', cert],
    ['server.key', key],
  ] as const) {
    writeFileSync(join(place, name), text, { mode: 0o600 });
    chownSync(join(place, name), uid, gid);
  }
  writeFileSync(join(place, 'pg_hba.conf'), 'hostnossl all postgres 127.0.0.1/32 scram-sha-256\n');
  appendFileSync(join(place, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  server = await startPostgres({ ...SETTINGS, dataDir, settings: { ...SETTINGS.settings, ssl: 'on' } });
  database = await provision(verified(server.adminUrl), 'tls');
}, 120_000);

afterAll(async () => {
  await server.stop();
  removePostgresData(join(directory, 'data'));
  rmSync(directory, { recursive: true, force: true });
});

const ENCRYPTED = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';

it('keeps the parameters of the first URL in those of a service', () => {
  expect(new URL(database.databaseUrl).searchParams.get('sslmode')).toBe('verify-full');
  expect(new URL(database.migrationUrl).searchParams.get('sslrootcert')).toBe(caFile());
});

it('applies to every connection to a database: client, pool, TypeORM, migrations, notifications', async () => {
  const client = createClient(database.databaseUrl, 'tls');
  await client.connect();
  expect((await client.query(ENCRYPTED)).rows).toEqual([{ ssl: true }]);
  const pool = createPool(database.databaseUrl, 'tls', 1);
  expect((await pool.query(ENCRYPTED)).rows).toEqual([{ ssl: true }]);
  const made = defineMigration({
    id: '0001',
    name: 'tls',
    up: async (runner) => expect(await runner.query(ENCRYPTED)).toEqual([{ ssl: true }]),
  });
  expect(await migrate(database.migrationUrl, [made])).toHaveLength(1);
  const source = await new DataSource(dataSourceOptions(database.databaseUrl, 'tls', 1)).initialize();
  expect(await source.query(ENCRYPTED)).toEqual([{ ssl: true }]);
  const heard: (string | null)[] = [];
  const stop = await listen(database.databaseUrl, 'tls_channel', (payload) => heard.push(payload));
  expect(heard).toEqual([null]);
  await stop();
  await source.destroy();
  await pool.end();
  await client.end();
});

/** Error of a failed connection; null when it succeeded. */
async function refusal(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return null;
  } catch (error) {
    return String(error);
  }
}

it('refuses a server certified by another authority, one of another name, and a plain connection', async () => {
  const { databaseUrl } = database;
  expect(await refusal(databaseUrl)).toBeNull();
  const others = by(databaseUrl, { sslmode: 'verify-full', sslrootcert: join(directory, 'stranger.pem') });
  expect(await refusal(others)).toMatch(/certificate|signature/);
  expect(await refusal(by(databaseUrl, { sslmode: 'verify-full' }))).toMatch(/certificate/);
  expect(await refusal(databaseUrl.replace('127.0.0.1', 'localhost'))).toMatch(/altnames/);
  expect(await refusal(by(databaseUrl, {}))).toMatch(/no encryption/);
  expect(await refusal(by(databaseUrl, { sslmode: 'disable' }))).toMatch(/no encryption/);
});
