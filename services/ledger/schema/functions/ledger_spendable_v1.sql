-- The part of a wallet's balance that can be spent there: no more than the lots allow. A debt is counted against the other points in
-- the wallet.
create function ledger_spendable_v1(
  p_wallet uuid, p_balance bigint, p_now timestamptz, p_brand text, p_store text
) returns bigint
language sql stable as $$
select least(p_balance, coalesce(sum(remaining), 0))::bigint from lot
where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and open and not pending and not debt and remaining > 0
  and (expires_at is null or expires_at > p_now) and ledger_allows(places, p_brand, p_store)
$$;

grant execute on function ledger_spendable_v1(uuid, bigint, timestamptz, text, text) to hezong_ledger;
