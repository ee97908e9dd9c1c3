/**
 * Posting functions run with the owner's rights, so their search path is fixed. Planner settings belong to the database connection:
 * the lanes ask for generic plans and for no scans.
 */
export const FUNCTION_SETTINGS = `
  security definer
  set search_path = pg_catalog, public, pg_temp
`;

/** Columns of an item common to all wallet operations. Documents are passed as text. */
const COMMON_ITEM = `
  n integer, brand text, external_id text, key uuid, hash bytea, transport_key uuid, id uuid, wallet_id uuid,
  posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text
`;

/** The type of one item of a batch. The lanes read its columns from the catalogue and send arrays of it in binary form. */
export function itemType(name: string, columns: string): string {
  return `create type ${name} as (${COMMON_ITEM}, ${columns});`;
}

/** A brand's account, by number. */
export function brandAccount(owner: string, kind: 'issued' | 'accepted' | 'expired'): string {
  return `(select b.id from brand_account b where b.owner = ${owner} and b.kind = '${kind}')`;
}

/**
 * The first rows of every batch: each item with its locked wallet (`v_wallets`, in the same order, so that no join is needed), and
 * whether its key is known.
 */
export const ITEMS = `
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
`;

/**
 * The answer to items of `w` whose key is known: the first answer, or a conflict. A key belongs to the wallet that used it first.
 */
export const REPLAYS = `
    select w.n, case when c.key is null or c.wallet_id is distinct from w.wallet_id or a.request_hash is distinct from w.hash
        or t.operation_id <> c.operation_id then 'conflict' when a.decline is null then 'created' else 'declined' end,
      true, a.decline, a.decline_limit, a.result::text, a.balance, a.held, a.pending, a.debt, a.detail::text,
      coalesce(a.id, w.id), a.posting_id, coalesce(a.posted_at, w.at)
    from w
    left join lateral (select * from claim where cell = ledger_cell(w.key) and key = w.key offset 0) c on true
    left join lateral (select * from claim where cell = ledger_cell(w.transport_key) and key = w.transport_key offset 0) t on true
    left join lateral (select * from first_answer where cell = ledger_cell(c.wallet_id) and id = c.operation_id offset 0) a on true
    where w.known
`;

/**
 * Binds the Idempotency-Keys of the repeats among `v_out` to what they repeat. A lane that meanwhile claimed one of them wins: the insert
 * fails, and the batch is sent again.
 */
export const BIND_REPEATS = `
    perform ledger_bind_v1(array_agg(i.key), array_agg(i.transport_key)) from unnest(v_out) o join unnest(p_items) i on i.n = o.n
    where o.replayed and o.verdict <> 'conflict' and i.transport_key is not null;
`;

/**
 * For functions that process items one after another: first answers the repeats. `NEW_ITEMS` are the rest. An item whose key another lane
 * claims in between is among them; its insert fails, and the batch is sent again.
 */
export const ANSWER_REPEATS = `
    v_out := (select array_agg(row(x.*)::ledger_outcome) from (with w as materialized (${ITEMS}) ${REPLAYS}) x);
    if v_out is not null then
      ${BIND_REPEATS}
      return query select * from unnest(v_out);
    end if;
`;
export const NEW_ITEMS = `(select * from (${ITEMS}) i where n <> all (coalesce((select array_agg(n) from unnest(v_out)), '{}')) order by n)`;

/**
 * Stores the answers of a batch: rows of `answer` with the request. Keys are claimed in a fixed order, so that lanes that use the
 * same keys wait for each other but never deadlock.
 */
export function keepSql(kind: string, kept = 'balance is not null', operation = kept): string {
  return `
    new_operation as (
      insert into operation (cell, kind, id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, request_hash,
        brand, external_id, decline, result, detail)
      select cell, ${kind}, subject_id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, hash, brand,
        external_id, decline, template::json, detail::json
      from answer where ${operation}
    ), new_claim as (
      insert into claim (cell, key, wallet_id, operation_id)
      select ledger_cell(key), key, wallet_id, subject_id from (
        select key, wallet_id, subject_id from answer where ${kept}
        union all
        select transport_key, wallet_id, subject_id from answer where ${kept} and transport_key is not null) x
      order by 1, 2
    )
  `;
}

/** The business key of an item `r`, as stored by `ledger_file`. */
export function keySql(kind: string, r = 'r'): string {
  return `row(${r}.brand, ${kind}, ${r}.key, ${r}.external_id, ${r}.hash, ${r}.transport_key, ${r}.wallet_id, ${r}.result)::ledger_key`;
}

/**
 * The answers of `v_out`, after those without a balance were filed: the rest of a batch that one statement could not answer. `hold` is
 * the hold whose points came free.
 */
export function fileRestSql(kind: string, hold = 'null'): string {
  return `(select array_agg(case when o.replayed or o.balance is not null then o else ledger_file(${keySql(kind, 'i')}, o, ${hold}) end)
    from unnest(v_out) o join unnest(p_items) i on i.n = o.n)`;
}

/**
 * Number of lots from which a wallet is large, and after which a transaction over several wallets ends, because it keeps all of them
 * locked.
 */
export const MANY_LOTS = 1_000;
