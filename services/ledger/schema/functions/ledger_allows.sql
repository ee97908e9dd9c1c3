-- Whether points may be spent at a store of a brand, or at the brand without a store. Points transferred to another wallet are not
-- spent anywhere, so there is no brand.
create function ledger_allows(p_places text[], p_brand text, p_store text) returns boolean
language sql immutable as $$
select p_brand is null or p_places is null or p_places && array[p_brand, p_brand || '/' || p_store]
$$;

grant execute on function ledger_allows(text[], text, text) to hezong_ledger;
