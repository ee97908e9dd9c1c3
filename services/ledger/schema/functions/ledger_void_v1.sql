create function ledger_void_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_hold_item[]
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_out ledger_outcome[]; v_unfiled boolean; v_repeated boolean;
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    with w as materialized (
      select z.*, case when decline is null and closes then was_left - take else 0 end as release,
        case when decline is null and closes and was_left > take then (
          select min(l.expires_at) from hold_lot k cross join lateral (
            select expires_at from lot where cell = z.cell and wallet_id = z.wallet_id and id = k.lot_id offset 0) l
          where k.cell = z.cell and k.hold_id = z.hold_id and k.points > k.captured + k.released) end as next_due
      from (
        select i.*, h.brand as hold_brand, h.member_ref, h.store, h.reference, case when h.quoted_reimbursement_micro is not null then (select o.quoted_reimbursement_micro from posting o
            where o.cell = h.cell and o.wallet_id = h.wallet_id and o.wallet_version = h.wallet_version and o.hold_id = h.id) end as quoted_reimbursement_micro, h.campaign,
          coalesce(i.terms_id, h.terms_id) as capture_terms_id, h.captured as was_captured, h.points - h.captured - h.released as was_left,
          case when known then 'known'
            when h.status = 'expired' or (h.open and h.expires_at <= i.at) then 'authorization_expired'
            when not h.open then 'authorization_closed'
            when i.points > h.points - h.captured - h.released then 'capture_exceeds_authorization' end as decline,
          0::bigint as take,
          true as closes
        from (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) i
        cross join lateral (select * from hold where cell = i.cell and id = i.hold_id and wallet_id = i.wallet_id offset 0) h
      ) z
    ), x as materialized (
      select u.*, case when u.closes then u.left_here - u.take_here else 0 end as release_here
      from (
        select w.cell, w.wallet_id, w.at, w.closes, w.posting_id, w.was_wallet_version + 1 as version, k.hold_id, k.ordinal, k.lot_id,
          k.points - k.captured - k.released as left_here,
          greatest(0, least(k.points - k.captured - k.released,
            w.take - (sum(k.points - k.captured - k.released) over (partition by k.hold_id order by k.ordinal)
              - (k.points - k.captured - k.released))))::bigint as take_here
        from w join hold_lot k on k.cell = w.cell and k.hold_id = w.hold_id
        where w.decline is null and k.points > k.captured + k.released
      ) u
    ), moved as (
      update lot l set held = l.held - x.take_here - x.release_here, remaining = l.remaining + x.release_here,
        open = l.remaining + l.held - x.take_here > 0
      from x where l.cell = x.cell and l.wallet_id = x.wallet_id and l.id = x.lot_id and x.take_here + x.release_here > 0
    ), f as materialized (
      select w.*, w.was_left - case when decline is null then w.take else 0 end as left_open,
        w.was_captured + case when decline is null then w.take else 0 end as captured
      from w
    ), new_hold_lot as (
      update hold_lot k set captured = k.captured + x.take_here, released = k.released + x.release_here
      from x where k.cell = x.cell and k.hold_id = x.hold_id and k.ordinal = x.ordinal and x.take_here + x.release_here > 0
    ), new_hold as (
      update hold h set captured = f.captured, released = h.released + f.release, open = f.left_open - f.release > 0,
        status = 'voided'::hold_status
      from f where f.decline is null and h.cell = f.cell and h.id = f.hold_id
    ), new_balance as (
      update wallet b set wallet_version = b.wallet_version + 1, posted_at = f.at, epoch = f.epoch, xid = f.xid,
        held = b.held - f.take - f.release, posted = b.posted - f.take,
        next_due = least(b.next_due, f.next_due)
      from f where f.decline is null and b.cell = f.cell and b.wallet_id = f.wallet_id
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, quoted_reimbursement_micro, brand, store, member_ref,
        reference, campaign, hold_id, terms_id)
      select cell, epoch, 'void'::posting_kind, was_wallet_version + 1, xid, wallet_id, posting_id, release, 0, 0, null, null,
        was_posted - take, was_held - take - release, was_pending, was_debt, occurred_at, at, quoted_reimbursement_micro, hold_brand, store,
        member_ref, external_id, campaign, hold_id, null
      from f where decline is null order by n
    ), new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select cell, wallet_id, version, ordinal, posting_id, lot_id, -take_here from x where take_here > 0
    ), answer as materialized (
      select n, case when decline is null then 'created' else 'declined' end as verdict, false as replayed, decline,
        case when decline = 'capture_exceeds_authorization' then was_left end as decline_limit, null::text as nothing,
        case when decline is not null or release = 0 or not was_owing and (next_due > at) is not false
          then was_posted - was_held + case when decline is null then release else 0 end end as balance,
        was_held - case when decline is null then take + release else 0 end as held, was_pending as pending, was_debt as debt,
        case when decline is null then json_build_object('points', release, 'captured', captured,
          'status', 'voided')::text
          end as detail, id as subject_id, case when decline is null then posting_id end as posting_id, at as posted_at,
        cell, brand, key, external_id, hash, transport_key, wallet_id, result as template
      from f where not known
    ), 
    new_operation as (
      insert into operation (cell, kind, id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, request_hash,
        brand, external_id, decline, result, detail)
      select cell, 'void', subject_id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, hash, brand,
        external_id, decline, template::json, detail::json
      from answer where balance is not null
    ), new_claim as (
      insert into claim (cell, key, wallet_id, operation_id)
      select ledger_cell(key), key, wallet_id, subject_id from (
        select key, wallet_id, subject_id from answer where balance is not null
        union all
        select transport_key, wallet_id, subject_id from answer where balance is not null and transport_key is not null) x
      order by 1, 2
    )

    select array_agg(row(y.*)::ledger_outcome), bool_or(balance is null and not replayed), bool_or(replayed) into v_out, v_unfiled, v_repeated from (
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
    if v_unfiled then v_out := (select array_agg(case when o.replayed or o.balance is not null then o else ledger_file(row(i.brand, 'void'::operation_kind, i.key, i.external_id, i.hash, i.transport_key, i.wallet_id, i.result)::ledger_key, o, i.hold_id) end)
    from unnest(v_out) o join unnest(p_items) i on i.n = o.n); end if;
    if v_repeated then 
    perform ledger_bind_v1(array_agg(i.key), array_agg(i.transport_key)) from unnest(v_out) o join unnest(p_items) i on i.n = o.n
    where o.replayed and o.verdict <> 'conflict' and i.transport_key is not null;
 end if;
    return query select * from unnest(v_out);
  end $$;

grant execute on function ledger_void_v1(timestamptz, uuid[], ledger_hold_item[]) to hezong_ledger;
