import { directoryTableSql } from '#libs/directory';
import { approvalUseSql, idempotencyTableSql, operatorAuditSql } from '#libs/http';
import { messagingTablesSql } from '#libs/messaging';
import { readerKeySql } from '#libs/postgres';
import type {
  Catalogue,
  Column,
  Constraint,
  DatabaseFunction,
  Enumeration,
  Grants,
  Policy,
  Relation,
} from './catalogue.js';
import type { Comments } from './comments.js';
import { dedented, plain, WIDTH, wrapped } from './sql-text.js';

/** Library that owns tables found in many services. */
const LIBRARIES = [
  ['libs/messaging', messagingTablesSql()],
  ['libs/http', idempotencyTableSql() + operatorAuditSql('hezong') + approvalUseSql()],
  ['libs/directory', directoryTableSql()],
  ['libs/postgres', readerKeySql()],
] as const;

function libraryOf(table: string): string | null {
  const found = LIBRARIES.find(([, sql]) => new RegExp(`create table ${table} `, 'i').test(sql));
  return found?.[0] ?? null;
}

/** Default rights of the running service on a new table and a new sequence: `provision` of libs/postgres. */
const GIVEN = { table: ['select', 'insert', 'update', 'delete'], sequence: ['usage'] } as const;

const PRIVILEGES = [
  'select',
  'insert',
  'update',
  'delete',
  'truncate',
  'references',
  'trigger',
  'maintain',
  'usage',
  'execute',
];

function inOrder(privileges: readonly string[]): string {
  return PRIVILEGES.filter((one) => privileges.includes(one)).join(', ');
}

function commentLines(comments: Comments, about: string, indent = ''): string[] {
  return (comments.get(about) ?? []).map((line) => `${indent}-- ${line}`.trimEnd());
}

/** `grant` to every role except the owner, preceded by `revoke` from the service where it has less than the default rights. */
function grantLines(service: string, kind: 'table' | 'sequence', name: string, grants: Grants | null): string[] {
  const role = `hezong_${service}`;
  const object = kind === 'table' ? name : `sequence ${name}`;
  const lines = Object.entries(grants ?? {}).map(
    ([to, privileges]) => `grant ${inOrder(privileges)} on ${object} to ${to};`,
  );
  const held = grants?.[role] ?? [];
  return GIVEN[kind].every((one) => held.includes(one)) ? lines : [`revoke all on ${object} from ${role};`, ...lines];
}

/** PostgreSQL's name for an unnamed constraint, and the column beside which it can be written. */
function unnamed(table: string, constraints: readonly Constraint[]): Map<Constraint, string | null> {
  const name = table.split('.').at(-1)?.replaceAll('"', '') ?? table;
  const found = new Map<Constraint, string | null>();
  let checks = 0;
  for (const constraint of constraints) {
    const columns = constraint.columns.map((column) => column.replaceAll('"', ''));
    const only = constraint.columns.length === 1 ? (constraint.columns[0] ?? null) : null;
    const listed = columns.join('_');
    let usual: string;
    if (constraint.kind === 'p') usual = `${name}_pkey`;
    else if (constraint.kind === 'u') usual = `${name}_${listed}_key`;
    else if (constraint.kind === 'f') usual = `${name}_${listed}_fkey`;
    else if (constraint.kind === 'x') continue;
    else if (only === null) usual = `${name}_check${checks === 0 ? '' : checks}`;
    else usual = `${name}_${listed}_check`;
    if (constraint.name.replaceAll('"', '') !== usual) continue;
    if (constraint.kind === 'c' && only === null) checks += 1;
    found.set(constraint, only);
  }
  return found;
}

/** The column form of a constraint: `primary key`, `unique`, `references …`, `check (…)`; null where there is none. */
function besideColumn({ kind, definition, columns }: Constraint): string | null {
  const [column = ''] = columns;
  const text = plain(definition);
  if (kind === 'p') return text === `primary key (${column})` ? 'primary key' : null;
  if (kind === 'u') return text === `unique (${column})` ? 'unique' : null;
  if (kind === 'f') return text.replace(`foreign key (${column}) `, '');
  return text;
}

function columnLine(column: Column, beside: readonly string[]): string {
  const parts = [column.name, plain(column.type)];
  if (column.notNull && !beside.includes('primary key')) parts.push('not null');
  if (column.identity !== null) parts.push(`generated ${column.identity} as identity`);
  if (column.generated) parts.push(`generated always as (${plain(column.expression ?? '')}) stored`);
  else if (column.expression !== null) parts.push(`default ${plain(column.expression)}`);
  return [...parts, ...beside].join(' ');
}

function tableText(table: Relation, comments: Comments): string[] {
  const apart = table.constraints;
  const usual = unnamed(table.name, apart);
  const beside = new Map<string, string[]>();
  const below: string[][] = [];
  for (const constraint of apart) {
    const column = usual.get(constraint);
    const text = column === undefined || column === null ? null : besideColumn(constraint);
    if (text !== null && column !== undefined && column !== null && table.partitionOf === null) {
      beside.set(column, [...(beside.get(column) ?? []), text]);
      continue;
    }
    const name = usual.has(constraint) ? '' : `constraint ${constraint.name} `;
    below.push([
      ...commentLines(comments, `constraint ${table.name}.${constraint.name}`, '  '),
      wrapped(`${name}${plain(constraint.definition)}`, '  '),
    ]);
  }
  const columns = table.columns.map((column) => [
    ...commentLines(comments, `column ${table.name}.${column.name.replaceAll('"', '')}`, '  '),
    wrapped(columnLine(column, beside.get(column.name) ?? []), '  '),
  ]);
  const parts = table.partitionOf === null ? [...columns, ...below] : below;
  const inside = parts.map((lines, at) => lines.join('\n') + (at === parts.length - 1 ? '' : ',')).join('\n');
  const end = [
    table.partitionOf === null ? '' : ` ${plain(table.partitionOf.bound)}`,
    table.partitionKey === null ? '' : ` partition by ${plain(table.partitionKey)}`,
    table.options === null ? '' : ` with (${spaced(table.options)})`,
  ].join('');
  const head = `create table ${table.name} ${table.partitionOf === null ? '' : `partition of ${table.partitionOf.table} `}`;
  const body = table.partitionOf !== null && parts.length === 0 ? '' : `(\n${inside}\n)`;
  return [...commentLines(comments, `table ${table.name}`), `${`${head}${body}`.trimEnd()}${end};`];
}

function spaced(options: string): string {
  return options.replaceAll('=', ' = ');
}

function policyText(table: string, policy: Policy): string {
  const parts = [
    [
      `create policy ${policy.name} on ${table}`,
      ...(policy.restrictive ? ['as restrictive'] : []),
      ...(policy.command === 'all' ? [] : [`for ${policy.command}`]),
      ...(policy.roles.length === 0 ? [] : [`to ${policy.roles.join(', ')}`]),
    ].join(' '),
    ...(policy.using === null ? [] : [`using (${plain(policy.using)})`]),
    ...(policy.check === null ? [] : [`with check (${plain(policy.check)})`]),
  ];
  const line = `${parts.join(' ')};`;
  if (line.length <= WIDTH) return line;
  return `${parts.map((part, at) => wrapped(part, at === 0 ? '' : '  ')).join('\n')};`;
}

function tableBlock(service: string, table: Relation, comments: Comments): string {
  const security = [
    table.rowSecurity ? 'enable row level security' : '',
    table.forced ? 'force row level security' : '',
  ].filter((part) => part !== '');
  const columnGrants = table.columns.flatMap((column) =>
    Object.entries(column.grants ?? {}).map(
      ([to, privileges]) =>
        `grant ${privileges.map((privilege) => `${privilege} (${column.name})`).join(', ')} on ${table.name} to ${to};`,
    ),
  );
  return [
    ...tableText(table, comments),
    ...table.indexes.flatMap(({ name, definition }) => [
      ...commentLines(comments, `index ${name.split('.').at(-1) ?? name}`),
      wrapped(`${plain(definition).replace(' on only ', ' on ').replace(' using btree (', ' (')};`),
    ]),
    ...(security.length === 0 ? [] : [`alter table ${table.name} ${security.join(', ')};`]),
    ...table.policies.flatMap((policy) => [
      ...commentLines(comments, `policy ${policy.name}`),
      policyText(table.name, policy),
    ]),
    ...table.triggers.flatMap(({ name, definition }) => [
      ...commentLines(comments, `trigger ${name}`),
      wrapped(`${plain(definition)};`),
    ]),
    ...grantLines(service, 'table', table.name, table.grants),
    ...columnGrants,
  ].join('\n');
}

function viewBlock(service: string, view: Relation, comments: Comments): string {
  const options = view.options === null ? '' : ` with (${spaced(view.options)})`;
  const lines = plain(view.definition ?? '')
    .split('\n')
    .map((line) => line.trim())
    .map((line) => (/^(select|union|with)\b/.test(line) ? `  ${line}` : `    ${line}`));
  return [
    ...commentLines(comments, `view ${view.name}`),
    `create view ${view.name}${options} as`,
    ...lines,
    ...grantLines(service, 'table', view.name, view.grants),
  ].join('\n');
}

function block(service: string, one: Relation | Enumeration, comments: Comments): string {
  switch (one.kind) {
    case 'enum': {
      const labels = one.labels.map((label) => `'${label}'`).join(', ');
      return [
        ...commentLines(comments, `type ${one.name}`),
        wrapped(`create type ${one.name} as enum (${labels});`),
      ].join('\n');
    }
    case 'c': {
      const columns = one.columns.map(({ name, type }) => `${name} ${plain(type)}`).join(', ');
      return [...commentLines(comments, `type ${one.name}`), wrapped(`create type ${one.name} as (${columns});`)].join(
        '\n',
      );
    }
    case 'S':
      return [
        ...commentLines(comments, `sequence ${one.name}`),
        `create sequence ${one.name};`,
        ...grantLines(service, 'sequence', one.name, one.grants),
      ].join('\n');
    case 'v':
      return viewBlock(service, one, comments);
    default:
      return tableBlock(service, one, comments);
  }
}

const VOLATILITY = { i: 'immutable', s: 'stable', v: '' } as const;
const PARALLEL = { s: 'parallel safe', r: 'parallel restricted', u: '' } as const;

function setting(text: string): string {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  const value = text.slice(at + 1);
  if (name !== 'search_path') return `set ${name.toLowerCase()} = '${value.replaceAll("'", "''")}'`;
  return `set search_path = ${value === '""' ? "''" : value}`;
}

function functionBody({ sqlBody, source }: DatabaseFunction, before: number): string {
  if (sqlBody !== null) return `\n${wrapped(`${plain(sqlBody)};`)}`;
  const quote = source.includes('$$') ? '$fn$' : '$$';
  const long = !source.includes('\n') && before + source.length > WIDTH - 10;
  return ` as ${quote}${long ? `\n${source.trim()}\n` : dedented(source)}${quote};`;
}

function functionText(one: DatabaseFunction, comments: Comments): string {
  const result = one.result === null ? '' : ` returns ${plain(one.result)}`;
  const short = `create function ${one.name}(${plain(one.arguments)})${result}`;
  const head =
    short.length <= WIDTH
      ? short
      : `create function ${one.name}(\n${wrapped(`  ${plain(one.arguments)}`, '  ').replaceAll(/^ {4}/gm, '  ')}\n)${result}`;
  const attributes = [
    `language ${one.language}`,
    VOLATILITY[one.volatility],
    one.strict ? 'strict' : '',
    PARALLEL[one.parallel],
    one.definer ? 'security definer' : '',
    ...one.settings.map(setting),
  ].filter((part) => part !== '');
  const attributeLines = wrapped(attributes.join(' '));
  const signature = `${one.name}(${plain(one.signature)})`;
  return [
    ...commentLines(comments, `function ${one.name}`),
    head,
    `${attributeLines}${functionBody(one, attributeLines.length)}`,
    ...Object.keys(one.grants ?? {}).map((to) => `\n${wrapped(`grant execute on function ${signature} to ${to};`)}`),
    '',
  ].join('\n');
}

/** A function's file; the second and later functions of one name get a number. */
function functionFiles(functions: readonly DatabaseFunction[]): Map<DatabaseFunction, string> {
  const seen = new Map<string, number>();
  return new Map(
    functions.map((one) => {
      const count = (seen.get(one.name) ?? 0) + 1;
      seen.set(one.name, count);
      return [one, `functions/${one.name}${count === 1 ? '' : `-${count}`}.sql`];
    }),
  );
}

function heading(text: string): string {
  return `-- ${text} ${'-'.repeat(Math.max(3, 116 - text.length))}`;
}

export function schemaFiles(service: string, catalogue: Catalogue, comments: Comments): Map<string, string> {
  const files = functionFiles(catalogue.functions);
  const include = (early: boolean): string[] =>
    [...files].filter(([one]) => one.early === early).map(([, file]) => `\\ir ${file}`);
  const schemas = catalogue.schemas.flatMap(({ name, grants }) =>
    [
      name === 'public' ? '' : `create schema ${name};`,
      ...Object.entries(grants ?? {})
        .filter(([to]) => !(name === 'public' && to === `hezong_${service}`))
        .map(([to, privileges]) => `grant ${inOrder(privileges)} on schema ${name} to ${to};`),
    ].filter((line) => line !== ''),
  );
  const blocks = catalogue.relations.map((one) => ({
    library: libraryOf(one.name),
    text: block(service, one, comments),
  }));
  const sections: (readonly [string | null, readonly string[]])[] = [
    [null, schemas.length === 0 ? [] : [schemas.join('\n')]],
    ['functions that tables and views are made with', include(true).length === 0 ? [] : [include(true).join('\n')]],
    ...[null, ...LIBRARIES.map(([library]) => library)].map(
      (library) =>
        [
          library === null ? service : `of ${library}`,
          blocks.filter((one) => one.library === library).map(({ text }) => text),
        ] as const,
    ),
    ['functions', include(false).length === 0 ? [] : [include(false).join('\n')]],
  ];
  const head = `-- The database of ${service} as its migrations leave it, without rows: written by \`npm run gen:schema\`, never by hand.
-- hezong_${service}_owner owns everything; hezong_${service} is the role of the running service. A function can be called only where
-- it is granted. As the owner, \`psql -f schema.sql\` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;`;
  const text = sections
    .filter(([, texts]) => texts.length > 0)
    .map(([title, texts]) => [...(title === null ? [] : [heading(title)]), ...texts].join('\n\n'));
  const all = new Map([['schema.sql', `${[head, ...text].join('\n\n')}\n`]]);
  for (const [one, file] of files) all.set(file, functionText(one, comments));
  return all;
}
