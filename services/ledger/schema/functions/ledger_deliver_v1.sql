-- Makes points that waited for the delivery available as of free_from. Their expiry moves by the days by which the report was late,
-- unless the expiry was brought forward meanwhile. Points that are past their expiry even so meet older debts and expire.
create function ledger_deliver_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_delivery_item[]
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_wallet wallet; r record; b purchase; l lot; v_answer ledger_outcome; v_lots uuid[]; v_released bigint;
    v_expired bigint; v_out ledger_outcome[];
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);

    v_out := (select array_agg(row(x.*)::ledger_outcome) from (with w as materialized (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) 
    select w.n, case when c.key is null or c.wallet_id is distinct from w.wallet_id or a.request_hash is distinct from w.hash
        or t.operation_id <> c.operation_id then 'conflict' when a.decline is null then 'created' else 'declined' end,
      true, a.decline, a.decline_limit, a.result::text, a.balance, a.held, a.pending, a.debt, a.detail::text,
      coalesce(a.id, w.id), a.posting_id, coalesce(a.posted_at, w.at)
    from w
    left join lateral (select * from claim where cell = ledger_cell(w.key) and key = w.key offset 0) c on true
    left join lateral (select * from claim where cell = ledger_cell(w.transport_key) and key = w.transport_key offset 0) t on true
    left join lateral (select * from first_answer where cell = ledger_cell(c.wallet_id) and id = c.operation_id offset 0) a on true
    where w.known
) x);
    if v_out is not null then

    perform ledger_bind_v1(array_agg(i.key), array_agg(i.transport_key)) from unnest(v_out) o join unnest(p_items) i on i.n = o.n
    where o.replayed and o.verdict <> 'conflict' and i.transport_key is not null;

      return query select * from unnest(v_out);
    end if;

    for r in (select * from (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) i where n <> all (coalesce((select array_agg(n) from unnest(v_out)), '{}')) order by n) loop
      select * into b from purchase where cell = r.cell and id = r.purchase_id and wallet_id = r.wallet_id;
      continue when not found;
      insert into order_event (cell, epoch, xid, id, purchase_id, brand, wallet_id, member_ref, order_external_id, external_id, occurred_at, posted_at)
      select b.cell, p.epoch, p.xid, r.id, b.id, b.brand, r.wallet_id, b.member_ref, b.external_id, r.external_id, r.occurred_at, r.at
      from ledger_place(r.wallet_id) p;
      v_released := 0; v_expired := 0; v_lots := '{}'; v_wallet := ledger_take_up(r.wallet_id);
      for l in select * from lot where cell = r.cell and wallet_id = r.wallet_id and open and pending and origin_id = b.id and available_from is null
        order by expires_at, earned_at, id
      loop
        if r.late_days > 0 and l.expires_at is not null and l.agreed_expires_at is null then
          update lot set agreed_expires_at = expires_at,
            expires_at = (expires_at at time zone r.zone + make_interval(days => r.late_days)) at time zone r.zone
          where cell = l.cell and wallet_id = l.wallet_id and id = l.id returning * into strict l;
        end if;
        v_wallet := ledger_release_lot(v_wallet, l, r.free_from, r.at);
        v_released := v_released + l.remaining;
        if l.expires_at <= r.at then v_lots := v_lots || l.id; end if;
      end loop;
      if v_released > 0 then perform ledger_keep_wallet(v_wallet); end if;
      if v_lots <> '{}' then
        perform ledger_settle_wallets(array[r.wallet_id], r.at);
        select coalesce(sum(lapsed), 0) into v_expired from lot where cell = r.cell and wallet_id = r.wallet_id and id = any(v_lots);
      end if;
      v_answer := null;
      v_answer.n := r.n; v_answer.verdict := 'created'; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      v_answer.detail := json_build_object('points', v_released - v_expired, 'expired', v_expired);
      return next ledger_file(row(r.brand, 'delivery', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.result)::ledger_key, v_answer);
    end loop;
  end $$;

grant execute on function ledger_deliver_v1(timestamptz, uuid[], ledger_delivery_item[]) to hezong_ledger;
