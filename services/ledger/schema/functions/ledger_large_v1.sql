-- The wallets among these that have 1000 lots or more, open or not.
create function ledger_large_v1(p_wallets uuid[]) returns uuid[]
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
select coalesce(array_agg(u.id), '{}') from unnest(p_wallets) u(id) where 1000 = (
  select count(*) from (select from lot where cell = ledger_cell(u.id) and wallet_id = u.id limit 1000) x)
$$;

grant execute on function ledger_large_v1(uuid[]) to hezong_ledger;
