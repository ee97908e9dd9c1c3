-- Opens unknown wallets, locks all rows in the order of their ids, and settles those where something is due. Returns them in the
-- order of p_wallets. An older transaction may reach a wallet after a younger one: the wallet stores the position of its last event,
-- and the next event never precedes it.
create function ledger_lock_wallets(p_now timestamptz, p_wallets uuid[]) returns ledger_wallet[]
language plpgsql as $$
#variable_conflict use_column
declare v_wallets ledger_wallet[]; v_due uuid[]; v_epoch smallint;
begin
  select epoch into strict v_epoch from node;
  for attempt in 1..4 loop
    select array_agg(row(k.cell, v_epoch, case when k.epoch = v_epoch then greatest(k.xid, pg_current_xact_id()) else pg_current_xact_id() end,
        k.posted_at, k.posted, k.held, k.pending, k.debt,
        k.limited, k.wallet_version, k.given_from, k.given, k.debt + k.written_off > 0)::ledger_wallet order by k.place),
      array_agg(k.wallet_id) filter (where k.next_due <= p_now)
    into v_wallets, v_due
    from (select w.*, u.place from unnest(p_wallets) with ordinality u(id, place)
      join wallet w on w.cell = ledger_cell(u.id) and w.wallet_id = u.id order by w.wallet_id for no key update of w) k;
    if cardinality(v_wallets) = cardinality(p_wallets) then
      if v_due is null then return v_wallets; end if;
      perform ledger_settle_wallets(v_due, p_now);
    else
      insert into wallet (cell, wallet_id) select ledger_cell(w), w from unnest(p_wallets) w order by w
        on conflict (cell, wallet_id) do nothing;
    end if;
  end loop;
  raise exception 'the wallets of a batch cannot be locked' using errcode = 'internal_error';
end $$;
