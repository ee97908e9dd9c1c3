create function ledger_take_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_taking_item[]
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; v_answer ledger_outcome; v_posting posting; v_taken record; v_out ledger_outcome[];
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
      select * into v_taken from ledger_take_from(r.wallet_id, r.issuer, r.origin_id, r.at, r.points, r.debt_lot_id, r.external_id,
        r.member_ref, r.posting_id, r.terms_id, '{}', '{}');
      v_posting := null;
      if r.points > v_taken.expired then
        v_posting.id := r.posting_id; v_posting.kind := 'accrual_reversal';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := r.brand; v_posting.member_ref := r.member_ref;
        v_posting.points := r.points - v_taken.expired; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := r.at;
        v_posting.reference := r.external_id; v_posting.order_id := r.origin_id;
        perform ledger_post_one(v_posting, v_taken.from_pending - v_posting.points, -v_taken.from_pending,
          ledger_brand_account(r.issuer, 'issued'), v_taken.p_lots, v_taken.p_amounts,
          array_fill(null::uuid, array[cardinality(v_taken.p_lots)]));
      end if;
      v_answer := null;
      v_answer.n := r.n; v_answer.verdict := 'created'; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      v_answer.posting_id := v_posting.id;
      v_answer.detail := json_build_object('points', r.points, 'fromPending', v_taken.from_pending, 'expired', v_taken.expired,
        'toDebt', v_taken.to_debt);
      return next ledger_file(row(r.brand, r.kind, r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.result)::ledger_key, v_answer);
    end loop;
  end $$;

grant execute on function ledger_take_v1(timestamptz, uuid[], ledger_taking_item[]) to hezong_ledger;
