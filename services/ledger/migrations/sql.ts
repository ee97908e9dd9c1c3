/**
 * Every posting function runs with the owner's rights, so its search path is fixed. How its statements are planned is a matter of
 * the session: the lanes ask for generic plans and for no scans.
 */
export const FUNCTION_SETTINGS = `
  security definer
  set search_path = pg_catalog, public, pg_temp
`;

/** Columns of one item that all wallet operations share. Documents travel as text. */
const COMMON_ITEM = `
  n integer, brand text, external_id text, key bytea, hash bytea, transport_key bytea, id uuid, wallet_id uuid,
  posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text
`;

/** The type of one item of a batch. The lanes learn its columns from the catalogue and send arrays of it in binary form. */
export function itemType(name: string, columns: string): string {
  return `create type ${name} as (${COMMON_ITEM}, ${columns});`;
}

/**
 * The first rows of every batch: each item with its wallet as locked (`v_wallets`, in the same order, so that the rows lie side by side
 * without a join), and whether its key is known.
 */
export function itemsSql(kind: string): string {
  return `
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select o.brand from operation o where o.brand = r.brand and o.kind = ${kind} and o.key = r.key) is not null
        or r.transport_key is not null and (select t.brand from operation t
          where t.brand = r.brand and t.transport_key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
  `;
}

/** The answer to items of `w` whose key is known: the first answer again, or a conflict. */
export function replaysSql(kind: string): string {
  return `
    select w.n, case when o.key is null or o.request_hash <> w.hash or (t.key is not null and (t.kind, t.key) <> (${kind}, w.key))
        then 'conflict' when o.decline is null then 'created' else 'declined' end,
      true, o.decline, o.decline_limit, o.result::text, o.balance, o.held, o.pending, o.debt, o.detail::text, o.subject_id,
      o.posting_id, o.posted_at
    from w
    left join lateral (select * from operation where brand = w.brand and kind = ${kind} and key = w.key offset 0) o on true
    left join lateral (select kind, key from operation where brand = w.brand and transport_key = w.transport_key offset 0) t on true
    where w.known
  `;
}

/** The business key of an item `r`, as `ledger_file` keeps it. */
export function keySql(kind: string, r = 'r'): string {
  return `row(${r}.brand, ${kind}, ${r}.key, ${r}.external_id, ${r}.hash, ${r}.transport_key, ${r}.wallet_id, ${r}.result)::ledger_key`;
}

/** The answers of `v_out` once those without a balance were filed: the rest of a batch that one statement could not answer. */
export function fileRestSql(kind: string): string {
  return `(select array_agg(case when o.replayed or o.balance is not null then o else ledger_file(p_slot, i.account_id,
      ${keySql(kind, 'i')}, o) end)
    from unnest(v_out) o join rows from (unnest(p_items), unnest(v_wallets)) as i on i.n = o.n)`;
}
