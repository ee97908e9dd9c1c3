import { randomBytes } from 'node:crypto';
import { migrate, provision, withClient, withDatabase, type Migration } from '#libs/postgres';
import { testServers } from './servers.js';

export interface TestDatabase {
  /** URL of the running service's role: not an owner or superuser, subject to row-level security. */
  databaseUrl: string;
  /** URL of the owner: migrations, and reading everything. */
  ownerUrl: string;
  /** URL of the superuser, same database. */
  adminUrl: string;
  /** URL of the service's role for a duty. */
  dutyUrl(duty: string): string;
  name: string;
  drop(): Promise<void>;
}

/**
 * Roles belong to the server, not to a database, so all workers of a run must use the same passwords. Loopback only; removed after the run.
 */
const PASSWORDS = {
  owner: 'owner-of-this-test-run',
  app: 'app-of-this-test-run',
  duties: { rotation: 'rotation-of-this-test-run' } as Readonly<Record<string, string>>,
};

async function migrationsOf(service: string): Promise<readonly Migration[]> {
  const path = `../../../services/${service}/migrations/index.js`;
  const module = (await import(path)) as { migrations?: readonly Migration[]; default?: readonly Migration[] };
  const list = module.migrations ?? module.default;
  if (list === undefined) throw new Error(`services/${service}/migrations/index.ts exports no "migrations"`);
  return list;
}

/** Creates the service's template database unless a worker of this run has done so. */
async function ensureTemplate(adminUrl: string, service: string): Promise<string> {
  const database = `hezong_${service}`;
  await withClient(adminUrl, async (client) => {
    // Roles are shared by all databases, so templates are created one at a time.
    await client.query('select pg_advisory_lock(715002)');
    const found = await client.query<{ comment: string | null }>(
      "select shobj_description(oid, 'pg_database') as comment from pg_database where datname = $1",
      [database],
    );
    if (found.rows[0]?.comment === 'migrated') return;
    await client.query(`drop database if exists ${database} with (force)`);
    const { migrationUrl } = await provision(adminUrl, service, PASSWORDS);
    await migrate(migrationUrl, await migrationsOf(service));
    await client.query(`comment on database ${database} is 'migrated'`);
  });
  return database;
}

/** The service's roles and a database without tables, the state before its first migration. */
export async function unmigratedDatabase(service: string): Promise<TestDatabase> {
  const { address } = await testServers().postgres();
  const name = `test_bare_${service}_${randomBytes(6).toString('hex')}`;
  await withClient(address, async (client) => {
    await client.query('select pg_advisory_lock(715002)');
    await provision(address, service, PASSWORDS, name);
  });
  return databaseNamed(address, service, name);
}

/** A fresh database of one service, cloned from its migrated template. Drop it in `afterAll`; the end of the run drops it in any case. */
export async function testDatabase(service: string): Promise<TestDatabase> {
  const { address } = await testServers().postgres();
  const template = await ensureTemplate(address, service);
  const name = `test_${service}_${randomBytes(6).toString('hex')}`;
  await withClient(address, async (client) => {
    await client.query(`create database ${name} template ${template} owner hezong_${service}_owner`);
  });
  return databaseNamed(address, service, name);
}

function databaseNamed(address: string, service: string, name: string): TestDatabase {
  return {
    name,
    databaseUrl: withDatabase(address, name, `hezong_${service}`, PASSWORDS.app),
    ownerUrl: withDatabase(address, name, `hezong_${service}_owner`, PASSWORDS.owner),
    adminUrl: withDatabase(address, name),
    dutyUrl: (duty) => withDatabase(address, name, `hezong_${service}_${duty}`, PASSWORDS.duties[duty]),
    drop: () =>
      withClient(address, async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
}

/** An empty database owned by the superuser, for suites that create their own tables. */
export async function emptyDatabase(
  prefix = 'test_empty',
): Promise<{ url: string; name: string; drop(): Promise<void> }> {
  const { address } = await testServers().postgres();
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await withClient(address, async (client) => void (await client.query(`create database ${name}`)));
  return {
    name,
    url: withDatabase(address, name),
    drop: () =>
      withClient(address, async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
}
