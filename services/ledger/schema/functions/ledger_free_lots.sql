-- Lots with spendable points. With p_lots null, only lots of issuers to whom the wallet owes something, or who have written
-- something off.
create function ledger_free_lots(b wallet, p_lots uuid[], p_written_off boolean) returns setof lot
language plpgsql stable as $$
declare v_issuers text[];
begin
  if p_lots is not null then
    return query select * from lot where cell = b.cell and wallet_id = b.wallet_id and id = any(p_lots)
      and open and not pending and not debt and remaining > 0 order by issuer, expires_at, earned_at, id;
  else
    if p_written_off then
      select array_agg(distinct issuer) into v_issuers from lot
      where cell = b.cell and wallet_id = b.wallet_id and debt and lapsed is not null;
    else
      select array_agg(distinct issuer) into v_issuers from lot where cell = b.cell and wallet_id = b.wallet_id and open and debt;
    end if;
    return query select * from lot where cell = b.cell and wallet_id = b.wallet_id
      and open and not pending and not debt and remaining > 0 and issuer = any(v_issuers)
      order by issuer, expires_at, earned_at, id;
  end if;
end $$;
