-- The wallets among these that another transaction has locked.
create function ledger_locked_v1(p_wallets uuid[]) returns uuid[]
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
with free as materialized (
  select w.wallet_id from unnest(p_wallets) u(id) join wallet w on w.cell = ledger_cell(u.id) and w.wallet_id = u.id
  for no key update of w skip locked
)
select coalesce(array_agg(w.wallet_id), '{}') from unnest(p_wallets) u(id)
join wallet w on w.cell = ledger_cell(u.id) and w.wallet_id = u.id where w.wallet_id not in (select wallet_id from free)
$$;

grant execute on function ledger_locked_v1(uuid[]) to hezong_ledger;
