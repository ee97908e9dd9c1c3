create function ledger_return_redemption_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_redemption_return_item[]
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_answer ledger_outcome; r record; g record; h hold; v_posting posting; v_limit bigint; v_room bigint;
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
      select * into h from hold where cell = r.cell and id = r.hold_id and wallet_id = r.wallet_id;
      continue when not found;
      v_answer := null; v_limit := h.captured - h.returned; v_posting := null;
      -- there must be room for pending points to become available
      v_room := 9007199254740991 - r.was_posted - r.was_pending;
      if r.points <= least(v_limit, v_room) then
        with taken as materialized (
          select lot_id, posting_id, -points as points,
            row_number() over w as place, sum(-points) over w as upto
          from allocation where cell = r.cell and wallet_id = r.wallet_id and wallet_version = any(h.captures)
          window w as (order by wallet_version desc, ordinal desc)
        ), given as materialized (
          select t.lot_id, t.posting_id, t.place, l.issuer, l.expires_at,
            (least(t.upto, h.returned + r.points) - greatest(t.upto - t.points, h.returned))::bigint as points
          from taken t cross join lateral (
            select issuer, expires_at from lot where cell = r.cell and wallet_id = r.wallet_id and id = t.lot_id offset 0) l
          where t.upto > h.returned and t.upto - t.points < h.returned + r.points
        ), back as materialized (
          select r.cell as cell, r.wallet_id as wallet_id, lot_id, sum(points)::bigint as points from given group by lot_id
        ), filled as (
          update lot l set remaining = l.remaining + b.points, open = true
          from back b where l.cell = b.cell and l.wallet_id = b.wallet_id and l.id = b.lot_id
        )
        select array_agg(lot_id order by place) as lots, array_agg(points order by place) as points,
          array_agg(posting_id order by place) as originals, min(expires_at) as next_due,
          json_agg(json_build_object('lotId', lot_id, 'issuer', issuer, 'points', points, 'expiresAt', expires_at) order by place) as restored
        into g from given;
        update wallet set next_due = least(next_due, g.next_due) where cell = r.cell and wallet_id = r.wallet_id;
        v_posting.id := r.posting_id; v_posting.kind := 'redemption_return';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := h.brand; v_posting.store := h.store; v_posting.member_ref := h.member_ref;
        v_posting.points := r.points; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := r.at;
        v_posting.reference := r.external_id; v_posting.hold_id := h.id;
        v_posting.quoted_reimbursement_micro := case when h.quoted_reimbursement_micro is not null then (select o.quoted_reimbursement_micro from posting o
            where o.cell = h.cell and o.wallet_id = h.wallet_id and o.wallet_version = h.wallet_version and o.hold_id = h.id) end; v_posting.campaign := h.campaign;
        perform ledger_post_one(v_posting, r.points, 0, ledger_brand_account(h.brand, 'accepted'), g.lots, g.points, g.originals);
        update hold set returned = returned + r.points where cell = h.cell and id = h.id;
        v_answer.verdict := 'created'; v_answer.posting_id := r.posting_id;
        v_answer.detail := json_build_object('points', r.points, 'captured', h.captured, 'returned', h.returned + r.points,
          'status', h.status, 'restored', g.restored);
      else
        v_answer.verdict := 'declined'; v_answer.decline_limit := least(v_limit, v_room);
        v_answer.decline := case when r.points > v_limit then 'return_exceeds_capture' else 'wallet_limit_exceeded' end;
      end if;
      v_answer.n := r.n; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      return next ledger_file(row(r.brand, 'redemption_return', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.result)::ledger_key, v_answer, h.id);
    end loop;
  end $$;

grant execute on function ledger_return_redemption_v1(timestamptz, uuid[], ledger_redemption_return_item[])
  to hezong_ledger;
