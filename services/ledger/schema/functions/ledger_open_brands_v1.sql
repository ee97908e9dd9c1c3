-- Opens the accounts of brands in a separate transaction before their first posting, so that no lock on them lasts while a batch
-- runs.
create function ledger_open_brands_v1(p_owners text[]) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
insert into brand_account (owner, kind)
select distinct b.owner, k.kind
from unnest(p_owners) b(owner), unnest(array['issued', 'accepted', 'expired']::account_kind[]) k(kind)
where not exists (select from brand_account a where a.owner = b.owner and a.kind = k.kind) order by b.owner, k.kind
on conflict (owner, kind, asset) do nothing
$$;

grant execute on function ledger_open_brands_v1(text[]) to hezong_ledger;
