/** The reader whose rows are visible: a brand's slug, `'*'` for the operator and the network, null for nobody. */
export const READER = `current_setting('hezong.brand', true)`;

/** SQL that hides a table's rows from every brand. */
export function operatorOnlySql(table: string): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy ${table}_operator on ${table} using (${READER} = '*');
  `;
}
