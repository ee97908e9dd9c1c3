-- Meets expired points of the origin's lots, each point once. Returns the number of points; they are no longer in any balance.
create function ledger_meet_lapsed(p_wallet uuid, p_issuer text, p_origin uuid, p_points bigint) returns bigint
language plpgsql as $$
declare l record; v_met bigint := 0;
begin
  for l in select id, lapsed from lot where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and origin_id = p_origin
    and lapsed is not null and not debt and issuer = p_issuer order by expires_at, earned_at, id
  loop
    exit when v_met = p_points;
    update lot set lapsed = nullif(l.lapsed - least(p_points - v_met, l.lapsed), 0)
    where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and id = l.id;
    v_met := v_met + least(p_points - v_met, l.lapsed);
  end loop;
  return v_met;
end $$;
