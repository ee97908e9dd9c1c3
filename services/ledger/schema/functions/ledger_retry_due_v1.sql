-- Makes the next sweep try a wallet again; false unless the wallet cannot be settled.
create function ledger_retry_due_v1(p_wallet uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  update due_fault set retry_at = clock_timestamp() where cell = ledger_cell(p_wallet) and wallet_id = p_wallet;
  return found;
end $$;

grant execute on function ledger_retry_due_v1(uuid) to hezong_ledger;
