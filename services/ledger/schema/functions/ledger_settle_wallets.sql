-- Does what is due in wallets whose rows are locked. What comes free does so in the order of its instants and meets debts at once, so
-- that it makes no difference when somebody comes to do it; then lots expire. Answers how many things were done, and the points that
-- repaid debts.
create function ledger_settle_wallets(p_wallets uuid[], p_now timestamptz, out done integer, out repaid bigint)
language plpgsql as $$
#variable_conflict use_column
declare v_wallet uuid; v_cell smallint; v_at timestamptz; e record; v_owes boolean;
begin
  done := 0; repaid := 0;
  foreach v_wallet in array p_wallets loop
    v_cell := ledger_cell(v_wallet);
    select debt + written_off > 0, greatest(posted_at, p_now) into v_owes, v_at from wallet where cell = v_cell and wallet_id = v_wallet;
    for e in select l.available_from as at, l.id, l as lot, null::hold as hold from lot l
        where l.cell = v_cell and l.wallet_id = v_wallet and l.open and l.pending and l.available_from <= p_now
      union all select h.expires_at, h.id, null, h from hold h
        where h.cell = v_cell and h.wallet_id = v_wallet and h.open and h.expires_at <= p_now
      order by 1, 2
    loop
      if e.lot is null then
        perform ledger_end_hold(e.hold, v_at);
      else
        perform ledger_release_lot(e.lot, e.at, v_at);
      end if;
      done := done + 1;
      if v_owes then repaid := repaid + ledger_repay(v_wallet, e.at, v_at); end if;
    end loop;
    if v_owes then repaid := repaid + ledger_repay(v_wallet, p_now, v_at); end if;
  end loop;
  done := done + (ledger_sweep_wallets(p_wallets, p_now)).postings;
end $$;
