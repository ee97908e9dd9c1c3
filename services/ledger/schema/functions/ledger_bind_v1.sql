-- The Idempotency-Keys of repeats lead to the operations of their business keys from now on. Fails on claim_pkey if one leads to another
-- operation by now: what was read before is out of date.
create function ledger_bind_v1(p_keys uuid[], p_transport_keys uuid[]) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
insert into claim (cell, key, wallet_id, operation_id)
select ledger_cell(u.transport_key), u.transport_key, c.wallet_id, c.operation_id
from unnest(p_keys, p_transport_keys) u(key, transport_key)
cross join lateral (select * from claim where cell = ledger_cell(u.key) and key = u.key offset 0) c
where not exists (select from claim t where t.cell = ledger_cell(u.transport_key) and t.key = u.transport_key
  and t.operation_id = c.operation_id)
order by 1, 2
$$;

grant execute on function ledger_bind_v1(uuid[], uuid[]) to hezong_ledger;
