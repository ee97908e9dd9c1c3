import { readFile, readdir } from 'node:fs/promises';
import { Table } from '#libs/postgres';

/** A table's columns, read from the text of its schema, which is generated from the migrated database. */
async function columnsOf(service: string, table: string): Promise<Map<string, object>> {
  const schema = await readFile(`services/${service}/schema/schema.sql`, 'utf8');
  const text = schema.split(`\ncreate table ${table} (\n`)[1]?.split(/\n\)[^\n]*;\n/)[0] ?? '';
  const key = /^ {2}primary key \((.*)\)/m.exec(text)?.[1]?.split(', ') ?? [];
  const columns = text.split(/\n {2}(?=\S)/).flatMap((part): [string, object][] => {
    const [, name = '', type = '', rest = ''] = /^ *"?(\w+)"?\s+(\w+(?:\[\])?)(?:\(.*?\))?(.*)/s.exec(part) ?? [];
    if (/^( *--|(check|constraint|primary|unique|foreign|exclude)\b)/.test(part.trimStart())) return [];
    const primary = key.includes(name) || rest.includes('primary key');
    return [[name, { type, primary, nullable: !primary && !rest.includes('not null') }]];
  });
  return new Map(columns);
}

const files = (await readdir('services', { recursive: true })).filter((file) => file.endsWith('.tables.ts'));
const defined = await Promise.all(
  files.map(async (file) => {
    const found: object = await import(`../../services/${file.replace(/\.ts$/, '.js')}`);
    const tables = Object.values(found).filter((value) => value instanceof Table);
    return tables.map(({ options }): [string, string, (typeof options)['columns']] => {
      return [file.split('/')[0] ?? '', options.name, options.columns];
    });
  }),
);

it.each(defined.flat())('%s defines each column of %s as the database has it', async (service, table, columns) => {
  const told = Object.values(columns).map((column) => {
    const { name = '', type, array, primary = false, nullable = false } = column ?? { type: 'missing' };
    return [name, { type: `${type as string}${array === true ? '[]' : ''}`, primary, nullable }] as const;
  });
  expect(new Map(told)).toEqual(await columnsOf(service, table));
});
