-- Expires overdue points in wallets whose rows are locked: one posting per wallet, brand that earned them and expiry, all wallets in
-- one statement. A rank's bonus that the operator funds expires together with the brand's own points: by themselves they would tell
-- the brand of returns elsewhere, which take points of the operator alone. Held points stay. Computes anew when the wallets are next due. With p_until, points that expired later are left for now; p_hold is
-- the hold that made the points available after their expiry.
create function ledger_sweep_wallets(
  p_wallets uuid[], p_now timestamptz, p_until timestamptz default null::timestamptz, p_reference text
  default null::text, p_hold uuid default null::uuid, out postings integer, out points bigint
)
language plpgsql as $$
#variable_conflict use_column
begin
  with due as materialized (
    select l.*, ledger_earned_at(l.cell, l.issuer, l.origin_id) as brand
    from unnest(p_wallets) u(wallet_id) cross join lateral (select * from lot
      where cell = ledger_cell(u.wallet_id) and wallet_id = u.wallet_id and open and not pending and not debt and remaining > 0
      and expires_at <= coalesce(p_until, p_now) offset 0) l
  ), gone as (
    update lot l set remaining = 0, open = l.held > 0, lapsed = coalesce(l.lapsed, 0) + d.remaining
    from due d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.id
  ), part as materialized (
    select cell, wallet_id, brand, expires_at, ledger_uuidv7(wallet_id) as posting_id, sum(remaining)::bigint as points,
      sum(remaining) filter (where issuer = brand)::bigint as own, sum(remaining) filter (where issuer <> brand)::bigint as bonus,
      case when count(distinct campaign) = 1 then min(campaign) end as campaign, row_number() over w as place,
      sum(sum(remaining)) over w as running,
      array_agg(id order by earned_at, id) as lots, array_agg(-remaining order by earned_at, id) as amounts
    from due group by cell, wallet_id, brand, expires_at window w as (partition by wallet_id order by expires_at, brand)
  ), total as materialized (
    select u.wallet_id, count(p.brand) as postings, coalesce(sum(p.points), 0)::bigint as points
    from unnest(p_wallets) u(wallet_id) left join part p on p.wallet_id = u.wallet_id group by u.wallet_id
  ), moved as materialized (
    update wallet b set posted = b.posted - t.points, wallet_version = b.wallet_version + t.postings, epoch = n.epoch,
      xid = case when b.epoch = n.epoch then greatest(b.xid, pg_current_xact_id()) else pg_current_xact_id() end,
      posted_at = case when t.postings > 0 then greatest(b.posted_at, p_now) else b.posted_at end,
      next_due = least(
        (select min(case when l.pending then l.available_from
            when l.remaining > 0 and l.expires_at > p_now then l.expires_at end)
          from lot l where l.cell = b.cell and l.wallet_id = b.wallet_id and l.open and not l.debt),
        (select min(h.expires_at) from hold h where h.cell = b.cell and h.wallet_id = b.wallet_id and h.open))
    from total t cross join node n where b.cell = ledger_cell(t.wallet_id) and b.wallet_id = t.wallet_id
    returning b.wallet_id, b.wallet_version - t.postings as wallet_version, b.posted + t.points as balance,
      b.held, b.pending, b.debt, b.epoch, b.xid, greatest(b.posted_at, p_now) as posted_at
  ), new_posting as (
    insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
      other_accounts, other_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, brand, reference, campaign, hold_id)
    select p.cell, m.epoch, 'expiry', m.wallet_version + p.place, m.xid, p.wallet_id, p.posting_id, p.points, -p.points, 0,
      case when p.own is not null then (select b.id from brand_account b where b.owner = p.brand and b.kind = 'expired') end, p.own,
      case when p.bonus is not null then array[(select b.id from brand_account b where b.owner = 'operator' and b.kind = 'expired')] end,
      case when p.bonus is not null then array[p.bonus] end, m.balance - p.running, m.held, m.pending, m.debt, p.expires_at,
      m.posted_at, p.brand, p_reference, p.campaign, p_hold
    from part p join moved m using (wallet_id) order by p.wallet_id, p.place
  ), new_allocation as (
    insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
    select p.cell, p.wallet_id, m.wallet_version + p.place, u.ord - 1, p.posting_id, u.lot_id, u.points
    from part p join moved m using (wallet_id) cross join lateral unnest(p.lots, p.amounts) with ordinality u(lot_id, points, ord)
  )
  select coalesce(sum(t.postings), 0)::integer, coalesce(sum(t.points), 0)::bigint into postings, points from total t;
end $$;
