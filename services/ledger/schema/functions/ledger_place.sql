-- The position in the order of events of a row of a locked wallet that is not a posting.
create function ledger_place(p_wallet uuid, out epoch smallint, out xid xid8)
language plpgsql as $$
begin
  update wallet w set epoch = n.epoch,
    xid = case when w.epoch = n.epoch then greatest(w.xid, pg_current_xact_id()) else pg_current_xact_id() end
  from node n where w.cell = ledger_cell(p_wallet) and w.wallet_id = p_wallet
  returning w.epoch, w.xid into strict epoch, xid;
end $$;
