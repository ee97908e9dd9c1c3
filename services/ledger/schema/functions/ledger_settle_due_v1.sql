-- Settles some of the wallets where something is due, longest overdue first; skips wallets that another transaction has locked. If
-- one of them cannot be settled, the others are settled one by one. Returns the number of things done, the wallets that could not be
-- settled now, and the number of all such wallets.
create function ledger_settle_due_v1(
  p_now timestamptz, p_limit integer, out done integer, out failed uuid[], out unsettled integer
)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare v_wallets uuid[]; v_wallet uuid; v_fault text; v_lots bigint := 0;
begin
  done := 0; failed := '{}';
  for v_wallet in with fault as materialized (
    select wallet_id, retry_at <= clock_timestamp() as again from due_fault
  ), due as (
    (select wallet_id from lot where open and pending and available_from <= p_now
      and wallet_id not in (select wallet_id from fault) order by available_from limit p_limit)
    union (select wallet_id from hold where open and expires_at <= p_now
      and wallet_id not in (select wallet_id from fault) order by expires_at limit p_limit)
    union (select wallet_id from lot where open and expires_at <= p_now and not pending and remaining > 0
      and wallet_id not in (select wallet_id from fault) order by expires_at limit p_limit)
    union (select wallet_id from fault where again)
  )
  select wallet_id from due order by wallet_id
  loop
    perform from wallet where cell = ledger_cell(v_wallet) and wallet_id = v_wallet for no key update skip locked;
    continue when not found;
    v_wallets := v_wallets || v_wallet;
    -- a call for any one of them waits for all
    v_lots := v_lots + (select count(*) from (
      select from lot where cell = ledger_cell(v_wallet) and wallet_id = v_wallet and open limit 1000) x);
    exit when v_lots >= 1000;
  end loop;
  if v_wallets is not null then
    begin
      select s.done into done from ledger_settle_wallets(v_wallets, p_now) s;
      delete from due_fault f using unnest(v_wallets) w where f.cell = ledger_cell(w) and f.wallet_id = w;
    exception when others then
      -- a shortage on the server is not the fault of a wallet
      if left(sqlstate, 2) in ('40', '53', '55', '57', '58') then raise; end if;
      done := 0;
      foreach v_wallet in array v_wallets loop
        begin
          select done + s.done into done from ledger_settle_wallets(array[v_wallet], p_now) s;
          delete from due_fault where cell = ledger_cell(v_wallet) and wallet_id = v_wallet;
        exception when others then
          if left(sqlstate, 2) in ('40', '53', '55', '57', '58') then raise; end if;
          v_fault := sqlstate || ' ' || sqlerrm;
          failed := failed || v_wallet;
          insert into due_fault as f (cell, wallet_id, retry_at, fault)
            values (ledger_cell(v_wallet), v_wallet, clock_timestamp() + interval '1 minute', v_fault)
          on conflict (cell, wallet_id) do update set tries = f.tries + 1, fault = excluded.fault,
            retry_at = clock_timestamp() + least(f.tries + 1, 60) * interval '1 minute';
        end;
      end loop;
    end;
  end if;
  select count(*) into unsettled from due_fault;
end $$;

grant execute on function ledger_settle_due_v1(timestamptz, integer) to hezong_ledger;
