create function ledger_accrue_v1(
  p_now timestamptz, p_wallets uuid[], p_items ledger_accrual_item[], p_more_lots ledger_lot_item[], p_plain boolean
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_out ledger_outcome[]; v_unfiled boolean;
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    if p_plain and not exists (select from unnest(v_wallets) where was_owing) then

    with w as materialized (
      select i.*, not known and not over_day and was_posted + was_pending + spendable <= 9007199254740991 as ok,
        (select b.id from brand_account b where b.owner = i.issuer and b.kind = 'issued') as issued
      from (select i.*,
          -- The wallet holds the sum over all brands. The points of this brand are counted only where that sum does not decide.
          case when day_limit is null or spendable = 0 then false
            when case when was_given_from >= day_from then was_given else 0 end + spendable <= day_limit then false
            else ledger_gives_over(i.cell, i.wallet_id, i.brand, greatest(day_from, was_given_from), day_limit - (spendable)) end as over_day
        from (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) i) i
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, brand, store,
        member_ref, reference, campaign, order_id, lot_id)
      select cell, epoch, 'accrual'::posting_kind, was_wallet_version + 1, xid, wallet_id, posting_id, spendable, spendable, 0,
        issued, -spendable,
        was_posted + spendable, was_held, was_pending, was_debt, occurred_at, at, brand, store, member_ref, external_id, campaign, origin_id,
        lot_id
      from w where ok and spendable > 0
    ), new_balance as (
      update wallet b set posted = b.posted + w.spendable, wallet_version = b.wallet_version + (w.spendable > 0)::int,
        next_due = least(b.next_due, w.next_due), posted_at = case when w.spendable > 0 then w.at else b.posted_at end,
        epoch = w.epoch, xid = w.xid, given_from = greatest(b.given_from, w.day_from),
        given_after = case when w.day_from > coalesce(b.given_from, '-infinity') then b.wallet_version else b.given_after end,
        given = case when w.day_from > coalesce(b.given_from, '-infinity') then 0 else least(b.given, 9007199254740991) end + w.spendable
      from w where w.ok and b.cell = w.cell and b.wallet_id = w.wallet_id
    ), new_lot as (
      insert into lot (cell, wallet_id, id, issuer, terms_id, points, remaining, pending, available_from, expires_at, earned_at, campaign, reason,
        rule_id, origin_id, reference, member_ref, posting_id)
      select cell, wallet_id, lot_id, issuer, lot_terms_id, lot_points, lot_points, lot_pending, lot_available_from, lot_expires_at, at, lot_campaign,
        lot_reason, lot_rule_id, origin_id, external_id, member_ref, case when lot_pending then pending_posting_id else posting_id end
      from w where ok and lot_id is not null
    ), answer as materialized (
      select n, case when ok then 'created' when false then 'stale' when over_day then 'over_day' else 'declined' end as verdict, false as replayed,
        case when not ok and not over_day and not false then 'wallet_limit_exceeded' end as decline,
        case when not ok and not over_day and not false then greatest(0, 9007199254740991 - was_posted - was_pending) end as decline_limit, null::text as nothing,
        -- Unknown until new points have met debts and their own expiry; in that case the operation is filed afterwards.
        case when not ok or not was_owing and (next_due > at) is not false then was_posted - was_held + case when ok then spendable else 0 end end as balance,
        was_held as held, was_pending as pending, was_debt as debt, null::text as detail, id as subject_id,
        case when ok and spendable > 0 then posting_id end as posting_id, at as posted_at,
        spendable as earned, ok and currency is not null as taken_in,
        cell, epoch, xid, brand, kind, key, external_id, hash, transport_key, wallet_id, result as template, member_ref, store, occurred_at,
        currency, campaign
      from w where not known
    ), new_purchase as (
      insert into purchase (cell, epoch, xid, seq, id, wallet_id, posting_id, occurred_at, posted_at, points_earned, balance, held, pending,
        debt, request_hash, brand, member_ref, store, external_id, currency, campaign, document)
      select cell, case when earned = 0 then epoch end, case when earned = 0 then xid end, case when earned = 0 then nextval('event_seq') end,
        subject_id, wallet_id, posting_id, occurred_at, posted_at, earned, coalesce(balance, 0), held, pending, debt, hash, brand, member_ref,
        store, external_id, currency, campaign, template::json
      from answer where taken_in
    ), 
    new_operation as (
      insert into operation (cell, kind, id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, request_hash,
        brand, external_id, decline, result, detail)
      select cell, kind, subject_id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, hash, brand,
        external_id, decline, template::json, detail::json
      from answer where balance is not null and verdict not in ('stale', 'over_day') and not taken_in
    ), new_claim as (
      insert into claim (cell, key, wallet_id, operation_id)
      select ledger_cell(key), key, wallet_id, subject_id from (
        select key, wallet_id, subject_id from answer where balance is not null and verdict not in ('stale', 'over_day')
        union all
        select transport_key, wallet_id, subject_id from answer where balance is not null and verdict not in ('stale', 'over_day') and transport_key is not null) x
      order by 1, 2
    )

    select array_agg(row(n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id,
      posting_id, posted_at)::ledger_outcome), bool_or(balance is null)
    into v_out, v_unfiled from answer;

    else

    with w as materialized (
      select i.*, not known and not over_day and was_posted + was_pending + spendable + i.pending <= 9007199254740991 and not coalesce(expected_version <> was_wallet_version, false) as ok,
        (select b.id from brand_account b where b.owner = i.issuer and b.kind = 'issued') as issued
      from (select i.*,
          -- The wallet holds the sum over all brands. The points of this brand are counted only where that sum does not decide.
          case when day_limit is null or spendable + i.pending = 0 then false
            when case when was_given_from >= day_from then was_given else 0 end + spendable + i.pending <= day_limit then false
            else ledger_gives_over(i.cell, i.wallet_id, i.brand, greatest(day_from, was_given_from), day_limit - (spendable + i.pending)) end as over_day
        from (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) i) i
    ), m as materialized (
      select l.id, l.n, l.ordinal, l.terms_id, l.points, l.pending, l.available_from, l.expires_at, l.places, l.campaign, l.reason, l.rule_id, w.cell, w.wallet_id,
        coalesce(l.issuer, w.issuer) as issuer, l.issuer is not null and l.issuer <> w.issuer as other, w.at, w.origin_id, w.external_id, w.member_ref,
        case when l.pending then w.pending_posting_id else w.posting_id end as posting_id,
        was_wallet_version + 1 + (l.pending and w.spendable > 0)::int as version
      from unnest(p_more_lots) l join w using (n) where w.ok
    ), o as materialized (
      select posting_id, array_agg(account) as accounts, array_agg(-points) as amounts from (
        select posting_id, (select b.id from brand_account b where b.owner = m.issuer and b.kind = 'issued') as account, sum(points)::bigint as points
        from m where other group by posting_id, issuer order by issuer) x group by posting_id
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        other_accounts, other_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, brand, store,
        member_ref, reference, campaign, order_id, lot_id)
      select cell, epoch, 'accrual'::posting_kind, was_wallet_version + 1, xid, wallet_id, posting_id, spendable, spendable, 0,
        case when spendable > other_spendable then issued end, nullif(other_spendable - spendable, 0), o.accounts, o.amounts,
        was_posted + spendable, was_held, was_pending, was_debt, occurred_at, at, brand, store, member_ref, external_id, campaign, origin_id,
        case when not lot_pending then lot_id end
      from w left join o using (posting_id) where ok and spendable > 0
      union all
      select cell, epoch, 'accrual_pending', was_wallet_version + 1 + (spendable > 0)::int, xid, wallet_id, pending_posting_id, pending, 0,
        pending, case when pending > other_pending then issued end, nullif(other_pending - pending, 0), o.accounts, o.amounts,
        was_posted + spendable, was_held, was_pending + pending, was_debt, occurred_at, at, brand, store, member_ref, external_id, campaign,
        origin_id, case when lot_pending then lot_id end
      from w left join o on o.posting_id = w.pending_posting_id where ok and pending > 0
    ), new_balance as (
      update wallet b set posted = b.posted + w.spendable, wallet_version = b.wallet_version + (w.spendable > 0)::int + (w.pending > 0)::int,
        pending = b.pending + w.pending, limited = b.limited or w.limited,
        next_due = least(b.next_due, w.next_due), posted_at = case when w.spendable + w.pending > 0 then w.at else b.posted_at end,
        epoch = w.epoch, xid = w.xid, given_from = greatest(b.given_from, w.day_from),
        given_after = case when w.day_from > coalesce(b.given_from, '-infinity') then b.wallet_version else b.given_after end,
        given = case when w.day_from > coalesce(b.given_from, '-infinity') then 0 else least(b.given, 9007199254740991) end + w.spendable + w.pending
      from w where w.ok and b.cell = w.cell and b.wallet_id = w.wallet_id
    ), new_lot as (
      insert into lot (cell, wallet_id, id, issuer, terms_id, points, remaining, pending, available_from, expires_at, earned_at, campaign, reason,
        rule_id, origin_id, reference, member_ref, posting_id, places)
      select cell, wallet_id, lot_id, issuer, lot_terms_id, lot_points, lot_points, lot_pending, lot_available_from, lot_expires_at, at, lot_campaign,
        lot_reason, lot_rule_id, origin_id, external_id, member_ref, case when lot_pending then pending_posting_id else posting_id end, lot_places
      from w where ok and lot_id is not null
      union all
      select cell, wallet_id, id, issuer, terms_id, points, points, pending, available_from, expires_at, at, campaign, reason, rule_id, origin_id,
        external_id, member_ref, posting_id, places
      from m
    ), new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select cell, wallet_id, version, ordinal, posting_id, id, points from m
    ), answer as materialized (
      select n, case when ok then 'created' when coalesce(expected_version <> was_wallet_version, false) then 'stale' when over_day then 'over_day' else 'declined' end as verdict, false as replayed,
        case when not ok and not over_day and not coalesce(expected_version <> was_wallet_version, false) then 'wallet_limit_exceeded' end as decline,
        case when not ok and not over_day and not coalesce(expected_version <> was_wallet_version, false) then greatest(0, 9007199254740991 - was_posted - was_pending) end as decline_limit, null::text as nothing,
        -- Unknown until new points have met debts and their own expiry; in that case the operation is filed afterwards.
        case when not ok or not was_owing and (next_due > at) is not false then was_posted - was_held + case when ok then spendable else 0 end end as balance,
        was_held as held, was_pending + case when ok then pending else 0 end as pending, was_debt as debt, null::text as detail, id as subject_id,
        case when ok and spendable > 0 then posting_id when ok and pending > 0 then pending_posting_id end as posting_id, at as posted_at,
        spendable + pending as earned, ok and currency is not null as taken_in,
        cell, epoch, xid, brand, kind, key, external_id, hash, transport_key, wallet_id, result as template, member_ref, store, occurred_at,
        currency, campaign
      from w where not known
    ), new_purchase as (
      insert into purchase (cell, epoch, xid, seq, id, wallet_id, posting_id, occurred_at, posted_at, points_earned, balance, held, pending,
        debt, request_hash, brand, member_ref, store, external_id, currency, campaign, document)
      select cell, case when earned = 0 then epoch end, case when earned = 0 then xid end, case when earned = 0 then nextval('event_seq') end,
        subject_id, wallet_id, posting_id, occurred_at, posted_at, earned, coalesce(balance, 0), held, pending, debt, hash, brand, member_ref,
        store, external_id, currency, campaign, template::json
      from answer where taken_in
    ), 
    new_operation as (
      insert into operation (cell, kind, id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, request_hash,
        brand, external_id, decline, result, detail)
      select cell, kind, subject_id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, hash, brand,
        external_id, decline, template::json, detail::json
      from answer where balance is not null and verdict not in ('stale', 'over_day') and not taken_in
    ), new_claim as (
      insert into claim (cell, key, wallet_id, operation_id)
      select ledger_cell(key), key, wallet_id, subject_id from (
        select key, wallet_id, subject_id from answer where balance is not null and verdict not in ('stale', 'over_day')
        union all
        select transport_key, wallet_id, subject_id from answer where balance is not null and verdict not in ('stale', 'over_day') and transport_key is not null) x
      order by 1, 2
    )

    select array_agg(row(n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id,
      posting_id, posted_at)::ledger_outcome), bool_or(balance is null)
    into v_out, v_unfiled from answer;

    end if;
    if v_unfiled then v_out := (select array_agg(case when o.replayed or o.balance is not null then o else ledger_file(row(i.brand, i.kind, i.key, i.external_id, i.hash, i.transport_key, i.wallet_id, i.result)::ledger_key, o, null) end)
    from unnest(v_out) o join unnest(p_items) i on i.n = o.n); end if;
    if cardinality(v_out) is distinct from cardinality(p_items) then
      v_out := v_out || (select array_agg(row(x.*)::ledger_outcome) from (
        with w as (select * from (
    select r.*, greatest(r.posted_at, r.wallet_posted_at) as at,
      (select c.key from claim c where c.cell = ledger_cell(r.key) and c.key = r.key) is not null
        or r.transport_key is not null and (select c.key from claim c where c.cell = ledger_cell(r.transport_key)
          and c.key = r.transport_key) is not null as known
    from rows from (unnest(p_items), unnest(v_wallets)) as r
) i where n <> all (coalesce((select array_agg(n) from unnest(v_out)), '{}')))

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

    perform ledger_bind_v1(array_agg(i.key), array_agg(i.transport_key)) from unnest(v_out) o join unnest(p_items) i on i.n = o.n
    where o.replayed and o.verdict <> 'conflict' and i.transport_key is not null;

    end if;
    return query select * from unnest(v_out);
  end $$;

grant execute on function ledger_accrue_v1(timestamptz, uuid[], ledger_accrual_item[], ledger_lot_item[], boolean)
  to hezong_ledger;
