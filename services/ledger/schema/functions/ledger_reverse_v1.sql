create function ledger_reverse_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_reversal_item[]
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; u record; b purchase; v_answer ledger_outcome; v_posting posting; v_lots uuid[]; v_points bigint[]; v_pending bigint;
    v_expired bigint; v_debt bigint; v_taken record; v_accounts integer[]; v_amounts bigint[];
    v_out ledger_outcome[];
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
      v_answer := null; v_posting := null; v_debt := 0; v_expired := 0; v_pending := 0;
      v_answer.n := r.n; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      if b.return_version <> r.expected_version then
        v_answer.verdict := 'stale'; v_answer.replayed := false; v_answer.balance := r.was_posted - r.was_held;
        v_answer.held := r.was_held; v_answer.pending := r.was_pending; v_answer.debt := r.was_debt;
        return next v_answer;
        continue;
      end if;
      if r.points > 0 then
        v_lots := '{}'; v_points := '{}'; v_accounts := '{}'; v_amounts := '{}';
        for u in select * from json_to_recordset(r.parts::json) as p(issuer text, points bigint, debt_lot_id uuid) loop
          select * into v_taken from ledger_take_from(r.wallet_id, u.issuer, b.id, r.at, u.points, u.debt_lot_id, b.external_id, b.member_ref,
            r.posting_id, null, v_lots, v_points);
          v_lots := v_taken.p_lots; v_points := v_taken.p_amounts;
          v_pending := v_pending + v_taken.from_pending; v_expired := v_expired + v_taken.expired; v_debt := v_debt + v_taken.to_debt;
          continue when u.points = v_taken.expired;
          v_accounts := v_accounts || ledger_brand_account(u.issuer, 'issued'); v_amounts := v_amounts || (u.points - v_taken.expired);
        end loop;
      end if;
      if r.points > v_expired then
        v_posting.id := r.posting_id; v_posting.kind := 'accrual_reversal';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := b.brand; v_posting.store := coalesce(r.store, b.store);
        v_posting.member_ref := b.member_ref; v_posting.points := r.points - v_expired; v_posting.occurred_at := r.occurred_at;
        v_posting.posted_at := r.at; v_posting.reference := r.external_id; v_posting.order_id := b.id; v_posting.campaign := b.campaign;
        perform ledger_post_legs(v_posting, v_pending - v_posting.points, -v_pending, v_accounts, v_amounts, v_lots,
          v_points, array_fill(b.posting_id, array[cardinality(v_lots)]));
      end if;
      update purchase set return_version = return_version + 1, returned = r.returned::json, points_reversed = points_reversed + r.points,
        points_expired = points_expired + v_expired
      where cell = b.cell and id = b.id;
      insert into order_event (cell, epoch, xid, id, purchase_id, brand, wallet_id, member_ref, order_external_id, external_id, occurred_at, posted_at,
        lines)
      select b.cell, p.epoch, p.xid, r.id, b.id, b.brand, r.wallet_id, b.member_ref, b.external_id, r.external_id, r.occurred_at, r.at,
        r.lines::json from ledger_place(r.wallet_id) p;
      v_answer.verdict := 'created'; v_answer.posting_id := v_posting.id;
      v_answer.detail := json_build_object('points', r.points, 'fromPending', v_pending, 'expired', v_expired,
        'toDebt', v_debt);
      return next ledger_file(row(r.brand, 'order_return', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.result)::ledger_key, v_answer);
    end loop;
  end $$;

grant execute on function ledger_reverse_v1(timestamptz, uuid[], ledger_reversal_item[]) to hezong_ledger;
