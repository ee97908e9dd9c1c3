import type { Client } from 'pg';

/** Comment lines by the object below them: `table wallet`, `column wallet.epoch`, `constraint …`, `function …`, `index …`. */
export type Comments = ReadonlyMap<string, readonly string[]>;

/** Makes a database store the text of every statement that changes its schema. Needs a superuser. */
export async function keepSource(client: Client): Promise<void> {
  await client.query(`
    create schema schema_source;
    create table schema_source.statement (id bigint generated always as identity, text text not null);
    create unique index on schema_source.statement (md5(text));
    create function schema_source.keep() returns event_trigger language plpgsql security definer as $$
    begin
      insert into schema_source.statement (text) values (current_query()) on conflict do nothing;
    end $$;
    create event trigger schema_source on ddl_command_end execute function schema_source.keep();
    grant usage on schema schema_source to public;
    grant execute on function schema_source.keep() to public;
  `);
}

/** Comments of the objects created since {@link keepSource}. */
export async function readComments(client: Client): Promise<Comments> {
  const { rows } = await client.query<{ text: string }>('select text from schema_source.statement order by id');
  return commentsOf(rows.map(({ text }) => text).join('\n'));
}

const COMMENT = /^\s*-- ?(.*)$/;
const MADE =
  /^\s*create (?:or replace )?(?:unique )?(table|function|type|view|index|sequence|trigger|policy) ([\w.]+)/i;
const INSIDE = /^\s*(constraint )?"?(\w+)"? /i;

/** Comments in hand-written SQL: on separate lines, directly above their object. */
export function commentsOf(sql: string): Comments {
  const comments = new Map<string, readonly string[]>();
  let above: string[] = [];
  let table: string | null = null;
  for (const line of sql.split('\n')) {
    const comment = COMMENT.exec(line)?.[1];
    if (comment !== undefined) {
      above.push(comment);
      continue;
    }
    const made = MADE.exec(line);
    const inside = table === null ? null : INSIDE.exec(line);
    let about: string | null = null;
    if (made !== null) {
      about = `${made[1]?.toLowerCase() ?? ''} ${made[2] ?? ''}`;
      table = made[1]?.toLowerCase() === 'table' && line.trimEnd().endsWith('(') ? (made[2] ?? null) : null;
    } else if (/^\s*\)/.test(line)) {
      table = null;
    } else if (inside !== null) {
      about = `${inside[1] === undefined ? 'column' : 'constraint'} ${table ?? ''}.${inside[2] ?? ''}`;
    }
    if (about !== null && above.length > 0) comments.set(about, above);
    above = [];
  }
  return comments;
}
