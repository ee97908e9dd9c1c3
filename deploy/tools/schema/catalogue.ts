import type { Client } from 'pg';

/** Privileges that a role other than the owner has. */
export interface Grants {
  readonly [role: string]: readonly string[];
}

export interface Column {
  name: string;
  type: string;
  notNull: boolean;
  identity: 'always' | 'by default' | null;
  generated: boolean;
  /** Its default, or the expression that generates it. */
  expression: string | null;
  grants: Grants | null;
}

export interface Constraint {
  name: string;
  /** As in `pg_constraint.contype`. */
  kind: 'p' | 'u' | 'x' | 'c' | 'f';
  definition: string;
  columns: string[];
}

export interface Policy {
  name: string;
  restrictive: boolean;
  command: 'all' | 'select' | 'insert' | 'update' | 'delete';
  /** Empty for everybody. */
  roles: string[];
  using: string | null;
  check: string | null;
}

export interface Relation {
  /** As in `pg_class.relkind`: table, partitioned table, view, composite type, sequence. */
  kind: 'r' | 'p' | 'v' | 'c' | 'S';
  name: string;
  columns: Column[];
  constraints: Constraint[];
  indexes: { name: string; definition: string }[];
  triggers: { name: string; definition: string }[];
  policies: Policy[];
  definition: string | null;
  options: string | null;
  partitionKey: string | null;
  partitionOf: { table: string; bound: string } | null;
  rowSecurity: boolean;
  forced: boolean;
  grants: Grants | null;
}

export interface Enumeration {
  kind: 'enum';
  name: string;
  labels: string[];
}

export interface DatabaseFunction {
  name: string;
  /** Types of its arguments, in the form for `grant`. */
  signature: string;
  arguments: string;
  result: string | null;
  language: string;
  volatility: 'i' | 's' | 'v';
  strict: boolean;
  parallel: 's' | 'r' | 'u';
  definer: boolean;
  settings: string[];
  /** Of a function in the SQL standard's form, without quotes: the whole body. */
  sqlBody: string | null;
  source: string;
  /** Tables and views depend on it. */
  early: boolean;
  grants: Grants | null;
}

export interface SchemaGrants {
  name: string;
  grants: Grants | null;
}

export interface Catalogue {
  schemas: SchemaGrants[];
  /** In order of creation. */
  relations: (Relation | Enumeration)[];
  functions: DatabaseFunction[];
}

const OWN = `n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%' and n.nspname <> 'schema_source'`;

const grantsOf = (acl: string, owner: string): string => `(
  select json_object_agg(x.role, x.privileges) from (
    select case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end as role,
           json_agg(lower(a.privilege_type)) as privileges
      from aclexplode(${acl}) a where a.grantee <> ${owner} group by 1 order by 1) x)`;

const name = (relation: string): string => `${relation}::regclass::text`;

const SCHEMAS = `
  select n.nspname as name, ${grantsOf('n.nspacl', 'n.nspowner')} as grants
    from pg_namespace n where ${OWN} order by n.oid`;

// the oids of enumerations and tables come from one counter, so one order holds for both
const ENUMERATIONS = `
  select t.oid::bigint as made, 'enum' as kind, t.oid::regtype::text as name,
         (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
   where t.typtype = 'e' and ${OWN}`;

const RELATIONS = `
  select c.oid::bigint as made, c.relkind as kind, ${name('c.oid')} as name,
    (select coalesce(json_agg(json_build_object(
        'name', quote_ident(a.attname),
        'type', format_type(a.atttypid, a.atttypmod),
        'notNull', a.attnotnull,
        'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
        'generated', a.attgenerated <> '',
        'expression', (select pg_get_expr(d.adbin, d.adrelid, true) from pg_attrdef d where d.adrelid = c.oid and d.adnum = a.attnum),
        'grants', ${grantsOf('a.attacl', 'c.relowner')}
      ) order by a.attnum), '[]')
      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select coalesce(json_agg(json_build_object(
        'name', quote_ident(k.conname), 'kind', k.contype, 'definition', pg_get_constraintdef(k.oid, true),
        'columns', (select coalesce(json_agg(quote_ident(a.attname) order by u.place), '[]')
          from unnest(k.conkey) with ordinality u(number, place) join pg_attribute a on a.attrelid = c.oid and a.attnum = u.number)
      ) order by strpos('puxcf', k.contype::text), k.oid), '[]')
      from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'x', 'c', 'f') and k.conparentid = 0 and k.conislocal) as constraints,
    (select coalesce(json_agg(json_build_object('name', i.indexrelid::regclass::text, 'definition', pg_get_indexdef(i.indexrelid, 0, true))
        order by i.indexrelid), '[]')
      from pg_index i where i.indrelid = c.oid
       and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
       and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)) as indexes,
    (select coalesce(json_agg(json_build_object('name', quote_ident(t.tgname), 'definition', pg_get_triggerdef(t.oid, true)) order by t.oid), '[]')
      from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgparentid = 0) as triggers,
    (select coalesce(json_agg(json_build_object(
        'name', quote_ident(p.polname),
        'restrictive', not p.polpermissive,
        'command', case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end,
        'roles', (select coalesce(json_agg(pg_get_userbyid(r) order by 1), '[]') from unnest(p.polroles) r where r <> 0),
        'using', pg_get_expr(p.polqual, p.polrelid, true),
        'check', pg_get_expr(p.polwithcheck, p.polrelid, true)
      ) order by p.oid), '[]')
      from pg_policy p where p.polrelid = c.oid) as policies,
    case c.relkind when 'v' then pg_get_viewdef(c.oid, 110) end as definition,
    array_to_string(c.reloptions, ', ') as options,
    case c.relkind when 'p' then pg_get_partkeydef(c.oid) end as "partitionKey",
    case when c.relispartition then (select json_build_object('table', ${name('h.inhparent')}, 'bound', pg_get_expr(c.relpartbound, c.oid))
      from pg_inherits h where h.inhrelid = c.oid) end as "partitionOf",
    c.relrowsecurity as "rowSecurity", c.relforcerowsecurity as forced,
    ${grantsOf('c.relacl', 'c.relowner')} as grants
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where ${OWN} and c.relname <> 'migration'
     and (c.relkind in ('r', 'p', 'v', 'c') or c.relkind = 'S' and not exists (
       select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')))`;

/** A function's name, with its schema unless that is on the search path. */
const FUNCTION_NAME = `case when pg_function_is_visible(p.oid) then '' else quote_ident(n.nspname) || '.' end || quote_ident(p.proname)`;

const FUNCTIONS = `
  select ${FUNCTION_NAME} as name,
    oidvectortypes(p.proargtypes) as signature,
    pg_get_function_arguments(p.oid) as arguments,
    case when p.prokind = 'f' and (p.proretset or not coalesce(p.proargmodes && array['o', 'b']::"char"[], false))
      then pg_get_function_result(p.oid) end as result,
    l.lanname as language, p.provolatile as volatility, p.proisstrict as strict, p.proparallel as parallel, p.prosecdef as definer,
    coalesce(p.proconfig, '{}') as settings, pg_get_function_sqlbody(p.oid) as "sqlBody", p.prosrc as source,
    exists (
      select from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid
        and d.classid in ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass,
          'pg_policy'::regclass, 'pg_rewrite'::regclass)) as early,
    ${grantsOf('p.proacl', 'p.proowner')} as grants
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
   where ${OWN} order by 1, 2`;

/** Objects of a database that {@link Catalogue} does not support; support must be added before they are used. */
const UNKNOWN = `
  select 'extension ' || extname as thing from pg_extension where extname <> 'plpgsql'
  union all select 'relation ' || ${name('c.oid')} from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where ${OWN} and c.relkind not in ('r', 'p', 'v', 'c', 'S', 'i', 'I', 't')
  union all select 'type ' || t.oid::regtype from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where ${OWN} and (t.typtype in ('d', 'r', 'm') or t.typacl is not null) and t.typcategory <> 'A' and t.typrelid = 0
  union all select 'function ' || p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where ${OWN} and (p.prokind <> 'f' or p.proleakproof or p.procost <> 100 or p.prorows not in (0, 1000) or p.prosupport <> 0)
  union all select 'trigger ' || t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where ${OWN} and not t.tgisinternal and t.tgenabled <> 'O'
  union all select 'rule ' || r.rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
    where ${OWN} and r.rulename <> '_RETURN'
  union all select 'column ' || ${name('c.oid')} || '.' || a.attname
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
    where ${OWN} and c.relkind in ('r', 'p', 'c') and a.attnum > 0 and not a.attisdropped
      and (a.attcollation <> t.typcollation or a.attstattarget >= 0 or a.attcompression <> '' or a.attstorage <> t.typstorage or a.attgenerated = 'v')
  union all select 'sequence ' || s.seqrelid::regclass from pg_sequence s
    where (s.seqstart, s.seqincrement, s.seqmin, s.seqcache, s.seqcycle) <> (1, 1, 1, 1, false)
  union all select 'comment on ' || pg_describe_object(d.classoid, d.objoid, d.objsubid) from pg_description d
    where d.objoid >= 16384 and d.classoid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass)`;

interface Made {
  made: bigint;
}

/** Reads the objects of a database, with a connection that can see everything. @throws Error naming unsupported objects */
export async function readCatalogue(client: Client): Promise<Catalogue> {
  await client.query('set search_path = public');
  const unknown = await client.query<{ thing: string }>(UNKNOWN);
  if (unknown.rows.length > 0)
    throw new Error(`deploy/tools/schema cannot write: ${unknown.rows.map(({ thing }) => thing).join(', ')}`);
  const schemas = await client.query<SchemaGrants>(SCHEMAS);
  const enumerations = await client.query<Enumeration & Made>(ENUMERATIONS);
  const relations = await client.query<Relation & Made>(RELATIONS);
  const functions = await client.query<DatabaseFunction>(FUNCTIONS);
  return {
    schemas: schemas.rows,
    relations: [...enumerations.rows, ...relations.rows].sort((a, b) => Number(a.made) - Number(b.made)),
    functions: functions.rows,
  };
}
