-- Settles wallets before they are read.
create function ledger_settle_v1(p_now timestamptz, p_wallets uuid[]) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
begin
  return query select (place - 1)::integer, 'created', false, null::text, null::bigint, null::text, w.was_posted - w.was_held, w.was_held,
    w.was_pending, w.was_debt, null::text, null::uuid, null::uuid, w.wallet_posted_at
  from unnest(ledger_lock_wallets(p_now, p_wallets)) with ordinality w(cell, epoch, xid, wallet_posted_at, was_posted, was_held,
    was_pending, was_debt, was_limited, was_wallet_version, was_given_from, was_given, was_owing, place);
end $$;

grant execute on function ledger_settle_v1(timestamptz, uuid[]) to hezong_ledger;
