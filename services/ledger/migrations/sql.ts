/**
 * Settings of every posting function: fixed search path (they run with the owner's rights), no JIT, one plan kept for
 * good (planning such a statement costs more than running it). The rest keeps a plan that was made while the tables were
 * small from scanning them when they have grown: together with sub-queries that "offset 0" holds in place, every row is
 * found through its key.
 */
export const FUNCTION_SETTINGS = `
  security definer
  set search_path = pg_catalog, public, pg_temp
  set jit = off
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_material = off
`;

/**
 * Columns of one item that all wallet operations share, for `json_to_recordset`. Documents travel as text inside the JSON: that
 * way the parser passes over them instead of walking through them.
 */
export const COMMON_ITEM = `
  n integer, brand text, external_id text, key bytea, hash bytea, transport_key bytea, id uuid, wallet_id uuid,
  posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text
`;

/** The first rows of every batch: each item with its wallet as locked, and whether its key is known. */
export function itemsSql(kind: string, columns: string): string {
  return `
    select r.*, a.id as account_id, b.slot as wallet_slot, greatest(r.posted_at, b.posted_at) as at,
      b.credits_posted - b.debits_posted as was_posted, b.debits_pending - b.credits_pending as was_held,
      coalesce(q.posted, 0) as was_pending, b.debt as was_debt, b.version as was_version, b.wallet_version as was_wallet_version,
      (o.key is not null or t.key is not null) as known
    from json_to_recordset(p_items) as r(${COMMON_ITEM}, ${columns})
    cross join lateral (select id from account where wallet_id = r.wallet_id offset 0) a
    cross join lateral (select * from account_balance where account_id = a.id and slot = 0 offset 0) b
    left join lateral (select credits_posted - debits_posted as posted from account_balance
      where account_id = a.id and slot = 1 offset 0) q on true
    left join lateral (select key from operation where brand = r.brand and kind = ${kind} and key = r.key offset 0) o on true
    left join lateral (select key from operation where brand = r.brand and transport_key = r.transport_key offset 0) t on true
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
