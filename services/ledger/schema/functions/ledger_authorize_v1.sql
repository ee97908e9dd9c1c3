create function ledger_authorize_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_authorization_item[]
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_order integer; v_prefers text[]; v_out ledger_outcome[]; v_repeated boolean;
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    select version, prefers into strict v_order, v_prefers from draw_order order by version desc limit 1;
    with w as materialized (
      select i.*, case when known then 'known' when i.quote_id is not null and exists (select from hold where cell = i.cell and quote_id = i.quote_id)
        then 'quote_used' when room < points then 'points_insufficient' end as decline
      from (select x.*, case when was_limited then ledger_spendable_v1(x.wallet_id, was_posted - was_held, x.at, x.brand, x.store)
          else was_posted - was_held end as room
        from (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) x) i
    ), d as materialized (
      select w.n, w.cell, w.wallet_id, w.id as hold_id, w.at_once, w.posting_id, w.was_wallet_version + 1 as version, x.*
      from w cross join lateral ledger_draw(w.cell, w.wallet_id, w.points, w.at, v_prefers, w.brand, w.store) x where w.decline is null
    ), drawn as (
      update lot l set remaining = l.remaining - d.take, held = l.held + case when d.at_once then 0 else d.take end,
        open = not d.at_once or l.remaining - d.take + l.held > 0
      from d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.lot_id
    ), new_hold_lot as (
      insert into hold_lot (cell, hold_id, ordinal, lot_id, points)
      select cell, hold_id, ordinal, lot_id, take from d where not at_once
    ), new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select cell, wallet_id, version, ordinal, posting_id, lot_id, -take from d where at_once
    ), new_hold as (
      insert into hold (cell, id, wallet_version, request_hash, result, brand, wallet_id, member_ref, store, reference, status, open, points, captured,
        authorized_at, expires_at, quote_id, quoted_reimbursement_micro, campaign, terms_id, draw_order, captures)
      select cell, id, was_wallet_version + 1, hash, result::json, brand, wallet_id, member_ref, store, external_id,
        case when at_once then 'captured' else 'authorized' end::hold_status, not at_once, points, case when at_once then points else 0 end,
        at, expires_at, quote_id, quoted_reimbursement_micro, campaign, terms_id, v_order,
        case when at_once then array[was_wallet_version + 1] else '{}' end
      from w where decline is null order by n
    ), new_balance as (
      update wallet b set wallet_version = b.wallet_version + 1, posted_at = w.at, epoch = w.epoch, xid = w.xid,
        held = b.held + case when w.at_once then 0 else w.points end,
        posted = b.posted - case when w.at_once then w.points else 0 end,
        next_due = case when w.at_once then b.next_due else least(b.next_due, w.expires_at) end
      from w where w.decline is null and b.cell = w.cell and b.wallet_id = w.wallet_id
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, quoted_reimbursement_micro, brand, store, member_ref,
        reference, campaign, hold_id, terms_id)
      select cell, epoch, case when at_once then 'capture' else 'authorization' end::posting_kind, was_wallet_version + 1, xid, wallet_id,
        posting_id, points, case when at_once then -points else 0 end, 0, case when at_once then (select b.id from brand_account b where b.owner = w.brand and b.kind = 'accepted') end,
        case when at_once then points end, was_posted - case when at_once then points else 0 end,
        was_held + case when at_once then 0 else points end, was_pending, was_debt, occurred_at, at, quoted_reimbursement_micro, brand, store,
        member_ref, external_id, campaign, id, case when at_once then terms_id end
      from w where decline is null order by n
    ), answer as materialized (
      select n, case when decline is null then 'created' else 'declined' end as verdict, false as replayed, decline,
        case when decline = 'points_insufficient' then greatest(0, room) end as decline_limit, null::text as nothing,
        was_posted - was_held - case when decline is null then points else 0 end as balance,
        was_held + case when decline is null and not at_once then points else 0 end as held, was_pending as pending, was_debt as debt,
        case when decline is null then json_build_object('points', points, 'status', case when at_once then 'captured' else 'authorized' end,
          'captured', case when at_once then points else 0 end)::text end as detail, id as subject_id,
        case when decline is null then posting_id end as posting_id, at as posted_at,
        cell, brand, key, external_id, hash, transport_key, wallet_id, result as template
      from w where not known
    ), 
    new_operation as (
      insert into operation (cell, kind, id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, request_hash,
        brand, external_id, decline, result, detail)
      select cell, 'authorization', subject_id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, hash, brand,
        external_id, decline, template::json, detail::json
      from answer where decline is not null
    ), new_claim as (
      insert into claim (cell, key, wallet_id, operation_id)
      select ledger_cell(key), key, wallet_id, subject_id from (
        select key, wallet_id, subject_id from answer where true
        union all
        select transport_key, wallet_id, subject_id from answer where true and transport_key is not null) x
      order by 1, 2
    )

    select array_agg(row(y.*)::ledger_outcome), bool_or(replayed) into v_out, v_repeated from (
      select n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id, posting_id, posted_at
      from answer
      union all 
    select w.n, case when c.key is null or c.wallet_id is distinct from w.wallet_id or a.request_hash is distinct from w.hash
        or t.operation_id <> c.operation_id then 'conflict' when a.decline is null then 'created' else 'declined' end,
      true, a.decline, a.decline_limit, a.result::text, a.balance, a.held, a.pending, a.debt, a.detail::text,
      coalesce(a.id, w.id), a.posting_id, coalesce(a.posted_at, w.at)
    from w
    left join lateral (select * from claim where cell = ledger_cell(w.key) and key = w.key offset 0) c on true
    left join lateral (select * from claim where cell = ledger_cell(w.transport_key) and key = w.transport_key offset 0) t on true
    left join lateral (select * from first_answer where cell = ledger_cell(c.wallet_id) and id = c.operation_id offset 0) a on true
    where w.known
) y;
    if v_repeated then 
    perform ledger_bind_v1(array_agg(i.key), array_agg(i.transport_key)) from unnest(v_out) o join unnest(p_items) i on i.n = o.n
    where o.replayed and o.verdict <> 'conflict' and i.transport_key is not null;
 end if;
    return query select * from unnest(v_out);
  end $$;

grant execute on function ledger_authorize_v1(timestamptz, uuid[], ledger_authorization_item[]) to hezong_ledger;
