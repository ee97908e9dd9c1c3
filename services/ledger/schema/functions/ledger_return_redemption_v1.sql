create function ledger_return_redemption_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_redemption_return_item[]
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_answer ledger_outcome; r record; u record; h hold; v_posting posting; v_limit bigint; v_room bigint;
    v_lots uuid[]; v_points bigint[]; v_originals uuid[]; v_restored json[]; v_give bigint; v_skip bigint; v_left bigint;
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    return query with w as materialized (
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
;
    for r in select * from (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) i where not known order by n
    loop
      select * into h from hold where cell = r.cell and id = r.hold_id and wallet_id = r.wallet_id;
      continue when not found;
      v_answer := null; v_limit := h.captured - h.returned; v_posting := null;
      -- what is pending must have room to come free
      v_room := 9007199254740991 - r.was_posted - r.was_pending;
      if r.points <= least(v_limit, v_room) then
        v_skip := h.returned; v_left := r.points; v_lots := '{}'; v_points := '{}'; v_originals := '{}'; v_restored := '{}';
        for u in select c.lot_id, -c.points as used, c.posting_id, l.issuer, l.expires_at
          from allocation c join lot l on l.cell = c.cell and l.wallet_id = c.wallet_id and l.id = c.lot_id
          where c.cell = r.cell and c.wallet_id = r.wallet_id and c.wallet_version = any(h.captures)
          order by c.wallet_version desc, c.ordinal desc
        loop
          exit when v_left = 0;
          if v_skip >= u.used then v_skip := v_skip - u.used; continue; end if;
          v_give := least(v_left, u.used - v_skip); v_skip := 0; v_left := v_left - v_give;
          update lot set remaining = remaining + v_give, open = true where cell = r.cell and wallet_id = r.wallet_id and id = u.lot_id;
          v_lots := v_lots || u.lot_id; v_points := v_points || v_give; v_originals := v_originals || u.posting_id;
          v_restored := v_restored || json_build_object('lotId', u.lot_id, 'issuer', u.issuer, 'points', v_give, 'expiresAt', u.expires_at);
          update wallet set next_due = least(next_due, u.expires_at) where cell = r.cell and wallet_id = r.wallet_id;
        end loop;
        v_posting.id := r.posting_id; v_posting.kind := 'redemption_return';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := h.brand; v_posting.store := h.store; v_posting.member_ref := h.member_ref;
        v_posting.points := r.points; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := r.at;
        v_posting.reference := r.external_id; v_posting.hold_id := h.id;
        v_posting.quoted_reimbursement_micro := h.quoted_reimbursement_micro; v_posting.campaign := h.campaign;
        perform ledger_post_one(v_posting, r.points, 0, ledger_brand_account(h.brand, 'accepted'), v_lots, v_points, v_originals);
        update hold set returned = returned + r.points where cell = h.cell and id = h.id;
        v_answer.verdict := 'created'; v_answer.posting_id := r.posting_id;
        v_answer.detail := json_build_object('points', r.points, 'captured', h.captured, 'returned', h.returned + r.points,
          'status', h.status, 'restored', to_json(v_restored));
      else
        v_answer.verdict := 'declined'; v_answer.decline_limit := least(v_limit, v_room);
        v_answer.decline := case when r.points > v_limit then 'return_exceeds_capture' else 'wallet_limit_exceeded' end;
      end if;
      v_answer.n := r.n; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      return next ledger_file(row(r.brand, 'redemption_return', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.result)::ledger_key, v_answer);
    end loop;
  end $$;

grant execute on function ledger_return_redemption_v1(timestamptz, uuid[], ledger_redemption_return_item[])
  to hezong_ledger;
