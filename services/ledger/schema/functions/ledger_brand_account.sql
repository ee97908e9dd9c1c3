-- Null if the account was never opened: a posting refuses such a leg.
create function ledger_brand_account(p_owner text, p_kind account_kind) returns integer
language sql stable as $$
select id from brand_account where owner = p_owner and kind = p_kind
$$;
