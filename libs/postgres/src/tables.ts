/**
 * SQL that shows a table's rows only to their own brand. The session names the brand in `hezong.brand` (`runInTransaction` sets it);
 * without it no rows are visible; `'*'` sees all.
 */
export function brandPolicySql(table: string, column = 'brand'): string {
  const own = `current_setting('hezong.brand', true) in (${column}, '*')`;
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy ${table.replaceAll('.', '_')}_brand on ${table} using (${own}) with check (${own});
  `;
}

/** SQL that makes a table append-only for every role, including its owner. */
export function appendOnlySql(table: string): string {
  const name = table.replaceAll('.', '_');
  return `
    create or replace function refuse_change() returns trigger language plpgsql as $refuse$
    begin
      raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
    end $refuse$;
    create trigger ${name}_append_only before update or delete on ${table} for each row execute function refuse_change();
    create trigger ${name}_no_truncate before truncate on ${table} for each statement execute function refuse_change();
  `;
}
