import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { provision, withDatabase } from '#libs/postgres';
import { postgresClients } from '#libs/servers';
import { DEFINITIONS } from '../network/definitions.js';
import { projectRoot } from '../network/root.js';
import { loadSecrets } from '../network/secrets.js';
import type { LocalNetwork } from './local-network.js';

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Every table of a database with its number of rows and a hash over them, and all privileges. */
async function contents(url: string): Promise<unknown> {
  const tables = await query<{ name: string }>(
    url,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const each = tables.map(
    ({ name }) => `select '${name}' as name, count(*)::int as rows,
      md5(coalesce(string_agg(md5(t::text), '' order by md5(t::text)), '')) as hash from ${name} t`,
  );
  const rights = await query(
    url,
    `select name, owner, forced, (select array_agg(a::text order by a::text) from unnest(acl) a) as acl from (
       select c.oid::regclass::text as name, c.relowner::regrole::text as owner, c.relforcerowsecurity as forced,
         coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner)) as acl
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where nspname !~ '^pg_|^information' and relkind in ('r', 'p', 'S', 'v')
       union all
       select p.oid::regprocedure::text, p.proowner::regrole::text, p.prosecdef, coalesce(p.proacl, acldefault('f', p.proowner))
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace where nspname !~ '^pg_|^information') all_of order by 1`,
  );
  return { rows: await query(url, `${each.join(' union all ')} order by 1`), rights };
}

/**
 * The drill of docs/runbooks/restore.md with the script of the chart's backup job and the real pg_dump and pg_restore. All databases are
 * lost and restored from their dumps; services start on them.
 */
export function restoreDrill(network: () => LocalNetwork): void {
  it('restores the network from the dumps of the backup job when every database is lost', async () => {
    const { dataDir } = network();
    const clients = await postgresClients();
    const path = [...(clients === null ? [] : [clients]), process.env['PATH'] ?? ''].join(':');
    const names = DEFINITIONS.filter(({ migrations }) => migrations !== undefined).map(({ name }) => name);
    const { databases } = loadSecrets(dataDir, [...names, 'log']);
    await network().kill();

    const admin = network().adminUrl('postgres');
    const urlOf = (name: string, role?: string): string =>
      withDatabase(admin, `hezong_${name}`, role, databases[name]?.owner);
    const owners = names.map((name) => [`${name.toUpperCase()}_BACKUP_URL`, urlOf(name, `hezong_${name}_owner`)]);
    const directory = join(dataDir, 'backup');
    mkdirSync(directory);
    const job = spawnSync('sh', [join(projectRoot(), 'deploy/helm/hezong/files/backup.sh')], {
      encoding: 'utf8',
      env: { PATH: path, BACKUP_DIR: directory, KEEP_DAYS: '7', ...Object.fromEntries(owners) },
    });
    expect([job.status, job.stderr]).toEqual([0, '']);

    const dumps = readdirSync(directory);
    expect(dumps).toHaveLength(names.length);
    for (const name of names) {
      const adminOf = withDatabase(admin, `hezong_${name}`);
      const before = await contents(adminOf);
      await query(admin, `drop database hezong_${name} with (force)`);
      await provision(admin, name, databases[name]);
      const dump = dumps.find((file) => file.startsWith(`${name}-`)) ?? '';
      const restored = spawnSync(
        'pg_restore',
        ['--exit-on-error', '--clean', '--if-exists', `--dbname=${adminOf}`, join(directory, dump)],
        {
          encoding: 'utf8',
          env: { PATH: path },
        },
      );
      expect([name, restored.status, restored.stderr]).toEqual([name, 0, '']);
      expect(await contents(adminOf)).toEqual(before);
    }
    await network().up();
  }, 300_000);
}
