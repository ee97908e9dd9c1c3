-- Files terms in a separate transaction before the first batch that names them: as for brand accounts, no lock on them lasts while a
-- batch runs.
create function ledger_open_terms_v1(p_terms json) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
insert into contract_terms select * from json_populate_recordset(null::contract_terms, p_terms) t order by t.id
on conflict (id) do nothing
$$;

grant execute on function ledger_open_terms_v1(json) to hezong_ledger;
