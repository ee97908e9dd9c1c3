-- Digests of the postings after one position, up to another position or a number; they do not include transaction ids.
create function ledger_digests(
  p_epoch smallint, p_xid xid8, p_seq bigint, p_to_epoch smallint, p_to_xid xid8, p_to_seq bigint, p_limit integer
) returns table(cell smallint, epoch smallint, xid xid8, seq bigint, posting_id uuid, points bigint, accounts integer[], amounts bigint[], digest bytea)
language sql stable set enable_seqscan = 'off' set enable_hashjoin = 'off' set enable_mergejoin = 'off'
  set enable_material = 'off' set jit = 'off' as $$
select p.cell, p.epoch, p.xid, p.seq, p.id, p.points, p.brand_account || p.other_accounts, p.brand_points || p.other_points, sha256(convert_to(row(p.cell, p.seq, p.kind, p.wallet_id, p.wallet_version, p.id,
  p.points, p.spendable, p.pending, p.brand_account, p.brand_points, p.other_accounts, p.other_points, p.balance_after, p.held_after,
  p.pending_after, p.debt_after, p.occurred_at, p.posted_at, p.quoted_reimbursement_micro, p.brand, p.store, p.member_ref, p.reference,
  p.campaign, p.order_id, p.hold_id, p.other_wallet_id, p.lot_id, p.asset, p.terms_id,
  moved.movements, made.lot, moved.lots,
  (select row(h.points, h.authorized_at, h.expires_at, h.quote_id, h.quoted_reimbursement_micro, h.terms_id, h.draw_order)::text from hold h
    where h.cell = p.cell and h.id = p.hold_id and h.wallet_version = p.wallet_version),
  (select row(o.external_id, o.currency, o.points_earned, o.document::text)::text from purchase o
    where o.cell = p.cell and o.id = p.order_id and o.posting_id = p.id)
  )::text, 'UTF8'))
from posting p
cross join lateral (
  select string_agg(row(a.ordinal, a.posting_id, a.lot_id, a.points, a.original_posting_id, a.other_lot_id)::text, '' order by a.ordinal)
      as movements,
    string_agg(ledger_lot_text(l), '' order by a.ordinal) as lots
  from allocation a
  -- each lot by its key, because a wallet may have thousands of lots
  left join lateral (
    select * from lot where cell = p.cell and wallet_id = p.wallet_id and id = a.lot_id and posting_id = p.id offset 0) l on true
  where a.cell = p.cell and a.wallet_id = p.wallet_id and a.wallet_version = p.wallet_version) moved
left join lateral (
  select ledger_lot_text(l) as lot from lot l
  where l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = p.lot_id and l.posting_id = p.id offset 0) made on true
where (p.epoch, p.xid, p.seq) > (p_epoch, p_xid, p_seq)
  and (p_to_xid is null or (p.epoch, p.xid, p.seq) <= (p_to_epoch, p_to_xid, p_to_seq))
  and (p.epoch < (select n.epoch from node n) or p.xid < pg_snapshot_xmin(pg_current_snapshot()))
order by p.epoch, p.xid, p.seq limit p_limit
$$;
