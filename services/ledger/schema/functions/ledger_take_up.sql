-- A locked wallet, with its next position in the order of events. A caller that makes many postings carries the row along and stores
-- it once: a row that is updated repeatedly within a transaction takes longer and longer to find.
create function ledger_take_up(p_wallet uuid) returns wallet
language plpgsql as $$
#variable_conflict use_column
declare b wallet; v_epoch smallint;
begin
  select * into strict b from wallet where cell = ledger_cell(p_wallet) and wallet_id = p_wallet;
  select epoch into strict v_epoch from node;
  b.xid := case when b.epoch = v_epoch then greatest(b.xid, pg_current_xact_id()) else pg_current_xact_id() end;
  b.epoch := v_epoch;
  return b;
end $$;
