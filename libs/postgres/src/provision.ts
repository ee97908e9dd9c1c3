import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { withClient } from './connection.js';

/** Passwords of a service's roles; keep them as secrets. */
export interface RolePasswords {
  owner: string;
  app: string;
  /** Passwords of the roles in `DUTIES`, by duty; absent ones are generated. */
  duties?: Readonly<Record<string, string>>;
}

/** Separate roles for tasks that the running service must not perform: `hezong_<service>_<duty>`, by service. */
const DUTIES: Readonly<Record<string, readonly string[]>> = { crm: ['rotation'] };

export function dutiesOf(service: string): readonly string[] {
  return DUTIES[service] ?? [];
}

export interface ProvisionedDatabase {
  /** For the running service: not an owner or superuser, subject to row-level security. */
  databaseUrl: string;
  /** For migrations only: owns the tables and functions, bypasses row-level security. */
  migrationUrl: string;
}

export function newRolePasswords(): RolePasswords {
  return { owner: newPassword(), app: newPassword() };
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

/** The same server and options with another user and database. */
export function withDatabase(url: string, database: string, user?: string, password?: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  if (user !== undefined) changed.username = user;
  if (password !== undefined) changed.password = password;
  return changed.toString();
}

/** Creates or updates a service's roles; can be repeated. Needs a superuser, because the owner gets BYPASSRLS. */
export async function provisionRoles(adminUrl: string, service: string, passwords: RolePasswords): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const ensure = async (role: string, options: string, password: string): Promise<void> => {
      const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
      const name = pg.escapeIdentifier(role);
      await client.query(
        `${rowCount === 0 ? 'create' : 'alter'} role ${name} login ${options} password ${pg.escapeLiteral(password)}`,
      );
    };
    await ensure(`hezong_${service}_owner`, 'bypassrls nosuperuser', passwords.owner);
    await ensure(`hezong_${service}`, 'nobypassrls nosuperuser', passwords.app);
    for (const duty of dutiesOf(service)) {
      await ensure(`hezong_${service}_${duty}`, 'nobypassrls nosuperuser', passwords.duties?.[duty] ?? newPassword());
    }
  });
}

/**
 * Creates a service's database and its roles (`hezong_<service>_owner`, `hezong_<service>`, one per duty); can be repeated.
 * No other role may connect to it.
 */
export async function provision(
  adminUrl: string,
  service: string,
  passwords: RolePasswords = newRolePasswords(),
  database = `hezong_${service}`,
): Promise<ProvisionedDatabase> {
  const owner = `hezong_${service}_owner`;
  const app = `hezong_${service}`;
  await provisionRoles(adminUrl, service, passwords);
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${database} owner ${owner}`);
  });
  await withClient(withDatabase(adminUrl, database), (client) =>
    client.query(`
      revoke all on database ${database} from public;
      grant connect on database ${database} to ${[app, ...dutiesOf(service).map((duty) => `${app}_${duty}`)].join(', ')};
      alter schema public owner to ${owner};
      revoke all on schema public from public;
      grant usage on schema public to ${app};
      alter default privileges for role ${owner} grant select, insert, update, delete on tables to ${app};
      alter default privileges for role ${owner} grant usage on sequences to ${app};
      alter default privileges for role ${owner} revoke execute on functions from public;
    `),
  );
  return {
    databaseUrl: withDatabase(adminUrl, database, app, passwords.app),
    migrationUrl: withDatabase(adminUrl, database, owner, passwords.owner),
  };
}
