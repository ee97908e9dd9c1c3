import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createClient } from '#libs/postgres';
import { testDatabase, unmigratedDatabase } from '#libs/testing';
import { schemaOf } from './schema/schema-of.js';

/** PostgreSQL's own description of a database, object by object. */
const FACTS = `
  with own as (select oid, nspname from pg_namespace where nspname in ('public', 'vault')),
  relation as (select c.* from pg_class c join own on own.oid = c.relnamespace
    where c.relname not like 'migration%' and not exists (
      select from pg_index i where i.indexrelid = c.oid and i.indrelid = to_regclass('public.migration')))
  select 'schema', nspname::text, (select nspacl::text from pg_namespace n where n.oid = own.oid) from own
  union all select 'relation', oid::regclass::text, concat_ws(' ', relkind, reloptions, relrowsecurity, relforcerowsecurity, relowner::regrole,
      (select array_agg(a order by a::text) from unnest(relacl) a), pg_get_partkeydef(oid)) from relation
  union all select 'view', oid::regclass::text, pg_get_viewdef(oid) from relation where relkind = 'v'
  union all select 'column', r.oid::regclass || '.' || a.attname, concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      a.attidentity, a.attgenerated, a.attacl, (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = r.oid and d.adnum = a.attnum))
    from relation r join pg_attribute a on a.attrelid = r.oid where a.attnum > 0 and r.relkind in ('r', 'p', 'v', 'c')
  union all select 'label', e.enumtypid::regtype || '.' || e.enumlabel, (rank() over (partition by e.enumtypid order by e.enumsortorder))::text
    from pg_enum e
  union all select 'constraint', r.oid::regclass || '.' || k.conname, pg_get_constraintdef(k.oid, true)
    from relation r join pg_constraint k on k.conrelid = r.oid where k.contype <> 'n'
  union all select 'index', r.oid::regclass::text, pg_get_indexdef(r.oid) from relation r where r.relkind in ('i', 'I')
  union all select 'trigger', r.oid::regclass || '.' || t.tgname, pg_get_triggerdef(t.oid)
    from relation r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
  union all select 'policy', r.oid::regclass || '.' || p.polname, concat_ws(' ', p.polpermissive, p.polroles, p.polcmd,
      pg_get_expr(p.polqual, p.polrelid, true), 'check', pg_get_expr(p.polwithcheck, p.polrelid, true))
    from relation r join pg_policy p on p.polrelid = r.oid
  union all select 'sequence', r.oid::regclass::text, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqcycle)
    from relation r join pg_sequence s on s.seqrelid = r.oid
  union all select 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid) || p.proowner::regrole ||
      (select array_agg(a order by a::text)::text from unnest(p.proacl) a)
    from pg_proc p join own on own.oid = p.pronamespace`;

async function factsOf(url: string): Promise<string[]> {
  const client = createClient(url, 'schema-facts');
  await client.connect();
  try {
    const { rows } = await client.query<string[]>({ text: FACTS, rowMode: 'array' });
    return rows.map((row) => row.join(' | ').replaceAll(/\s+/g, ' ')).sort();
  } finally {
    await client.end();
  }
}

/** A whole script, with the files of its `\ir` lines inlined. */
async function script(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  const parts = text
    .split('\n')
    .map(async (line) => (line.startsWith('\\ir ') ? script(join(dirname(file), line.slice(4))) : line));
  return (await Promise.all(parts)).join('\n');
}

async function load(url: string, sql: string): Promise<void> {
  const client = createClient(url, 'schema-load');
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function filesIn(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.sql'));
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

it.each(['ledger', 'crm'])('the schema of %s creates the same database as its migrations', async (service) => {
  const folder = `services/${service}/schema`;
  const loaded = await unmigratedDatabase(service);
  const migrated = await testDatabase(service);
  try {
    const files = await schemaOf(loaded.adminUrl, service, async () =>
      load(loaded.ownerUrl, await script(`${folder}/schema.sql`)),
    );
    expect(await factsOf(loaded.adminUrl)).toEqual(await factsOf(migrated.adminUrl));
    expect(files).toEqual(await filesIn(folder));
  } finally {
    await loaded.drop();
    await migrated.drop();
  }
});
