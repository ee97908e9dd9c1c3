/**
 * Settings of every posting function: fixed search path (they run with the owner's rights), no JIT, one plan kept for
 * good (planning such a statement costs more than running it), and index plans only, because a plan cached while the tables were small must not turn into a scan when they have grown.
 */
export const FUNCTION_SETTINGS = `
  security definer
  set search_path = pg_catalog, public, pg_temp
  set jit = off
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
`;

/** Columns of one item that all wallet operations share, for `json_to_recordset`. */
export const COMMON_ITEM = `
  n integer, brand text, external_id text, key bytea, hash bytea, transport_key bytea, id uuid, wallet_id uuid,
  posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result json
`;

/** The first rows of every batch: each item with its wallet as locked, and whether its key is known. */
export function itemsSql(kind: string, columns: string, extra = ''): string {
  return `
    select r.*, a.id as account_id, greatest(r.posted_at, b.posted_at) as at,
      b.credits_posted - b.debits_posted as was_posted, b.debits_pending - b.credits_pending as was_held,
      coalesce(q.credits_posted - q.debits_posted, 0) as was_pending, b.debt as was_debt,
      b.version as was_version, b.wallet_version as was_wallet_version, b.next_expiry as was_next_expiry,
      (o.key is not null or t.key is not null) as known
      ${extra}
    from json_to_recordset(p_items) as r(${COMMON_ITEM}, ${columns})
    join account a on a.wallet_id = r.wallet_id
    join account_balance b on b.account_id = a.id and b.slot = 0
    left join account_balance q on q.account_id = a.id and q.slot = 1
    left join operation o on o.brand = r.brand and o.kind = ${kind} and o.key = r.key
    left join operation t on t.brand = r.brand and t.transport_key = r.transport_key
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
    left join operation o on o.brand = w.brand and o.kind = ${kind} and o.key = w.key
    left join operation t on t.brand = w.brand and t.transport_key = w.transport_key
    where w.known
  `;
}
