-- One posting with all its legs and movements: the plain way, for whatever is not a hot path. Wallet row must be locked.
-- The wallet's own legs are spendable and pending; those of brand accounts must make their sum zero.
create function ledger_post_legs(
  p_posting posting, p_spendable bigint, p_pending bigint, p_accounts integer[], p_amounts bigint[], p_lots uuid[],
  p_points bigint[], p_originals uuid[], p_others uuid[] default null::uuid[]
) returns bigint
language plpgsql as $$
#variable_conflict use_column
declare b wallet;
begin
  update wallet w set wallet_version = w.wallet_version + 1,
    posted = w.posted + p_spendable, pending = w.pending + p_pending, posted_at = greatest(w.posted_at, p_posting.posted_at), epoch = n.epoch,
    xid = case when w.epoch = n.epoch then greatest(w.xid, pg_current_xact_id()) else pg_current_xact_id() end
  from node n where w.cell = ledger_cell(p_posting.wallet_id) and w.wallet_id = p_posting.wallet_id
  returning w.* into strict b;
  insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
    other_accounts, other_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at,
    quoted_reimbursement_micro, brand, store, member_ref, reference, campaign, order_id, hold_id, other_wallet_id)
  values (b.cell, b.epoch, p_posting.kind, b.wallet_version, b.xid, b.wallet_id, p_posting.id, p_posting.points, p_spendable, p_pending,
    p_accounts[1], p_amounts[1], nullif(p_accounts[2:], '{}'), nullif(p_amounts[2:], '{}'),
    b.posted, b.held, b.pending, b.debt, p_posting.occurred_at,
    p_posting.posted_at, p_posting.quoted_reimbursement_micro, p_posting.brand, p_posting.store, p_posting.member_ref,
    p_posting.reference, p_posting.campaign, p_posting.order_id, p_posting.hold_id, p_posting.other_wallet_id);
  insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points, original_posting_id,
    other_lot_id)
  select b.cell, b.wallet_id, b.wallet_version, ord - 1, p_posting.id, lot_id, points, original, other
  from unnest(p_lots, p_points, p_originals, p_others) with ordinality as u(lot_id, points, original, other, ord);
  return b.wallet_version;
end $$;
