-- Does everything due in wallets whose rows are locked. Points become available in the order of their instants and meet debts
-- immediately, so the time of the call makes no difference; then lots expire. Points that a hold kept beyond their expiry expire in
-- postings that name the hold. Returns the number of things done, and the points that repaid debts. p_hold is the hold that has just
-- made points available.
create function ledger_settle_wallets(
  p_wallets uuid[], p_now timestamptz, p_hold uuid default null::uuid, out done integer, out repaid bigint
)
language plpgsql as $$
#variable_conflict use_column
declare b wallet; v_wallet uuid; v_at timestamptz; e record; v_version bigint; v_debt bigint; v_late boolean;
begin
  done := 0; repaid := 0;
  foreach v_wallet in array p_wallets loop
    b := ledger_take_up(v_wallet); v_at := greatest(b.posted_at, p_now); v_version := b.wallet_version; v_debt := b.debt;
    for e in select l.available_from as at, l.id, l as lot, null::hold as hold from lot l
        where l.cell = b.cell and l.wallet_id = b.wallet_id and l.open and l.pending and l.available_from <= p_now
      union all select h.expires_at, h.id, null, h from hold h
        where h.cell = b.cell and h.wallet_id = b.wallet_id and h.open and h.expires_at <= p_now
      order by 1, 2
    loop
      v_late := e.lot is null and exists (select from hold_lot k cross join lateral (select from lot
          where cell = b.cell and wallet_id = b.wallet_id and id = k.lot_id and expires_at <= e.at offset 0) l
        where k.cell = b.cell and k.hold_id = e.id and k.points > k.captured + k.released);
      if v_late then
        perform ledger_keep_wallet(b);
        done := done + (ledger_sweep_wallets(array[v_wallet], p_now, e.at)).postings;
        b := ledger_take_up(v_wallet);
      end if;
      if e.lot is null then
        b := ledger_end_hold(b, e.hold, v_at);
      else
        b := ledger_release_lot(b, e.lot, e.at, v_at);
      end if;
      done := done + 1;
      if b.debt + b.written_off > 0 then
        b := ledger_repay(b, case when e.lot is null
          then array(select k.lot_id from hold_lot k where k.cell = b.cell and k.hold_id = e.id) else array[e.id] end, v_at,
          case when e.lot is null then e.id end);
      end if;
      if v_late then
        perform ledger_keep_wallet(b);
        done := done + (ledger_sweep_wallets(array[v_wallet], p_now, e.at, p_hold => e.id)).postings;
        b := ledger_take_up(v_wallet);
      end if;
    end loop;
    if b.debt + b.written_off > 0 then b := ledger_repay(b, null, v_at, p_hold); end if;
    if b.wallet_version > v_version then perform ledger_keep_wallet(b); end if;
    repaid := repaid + v_debt - b.debt;
  end loop;
  done := done + (ledger_sweep_wallets(p_wallets, p_now, p_hold => p_hold)).postings;
end $$;
