-- One posting with all its legs and movements: the general way, for everything that is not a hot path. Returns the wallet after it.
-- The wallet's own legs are spendable and pending; those of brand accounts must bring the sum to zero.
create function ledger_add_posting(
  b wallet, p_posting posting, p_spendable bigint, p_pending bigint, p_accounts integer[], p_amounts bigint[],
  p_lots uuid[], p_points bigint[], p_originals uuid[], p_others uuid[] default null::uuid[]
) returns wallet
language plpgsql as $$
#variable_conflict use_column
begin
  b.wallet_version := b.wallet_version + 1; b.posted := b.posted + p_spendable; b.pending := b.pending + p_pending;
  b.posted_at := greatest(b.posted_at, p_posting.posted_at);
  insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
    other_accounts, other_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at,
    quoted_reimbursement_micro, brand, store, member_ref, reference, campaign, order_id, hold_id, other_wallet_id)
  values (b.cell, b.epoch, p_posting.kind, b.wallet_version, b.xid, b.wallet_id, p_posting.id, p_posting.points, p_spendable, p_pending,
    p_accounts[1], p_amounts[1], nullif(p_accounts[2:], '{}'), nullif(p_amounts[2:], '{}'),
    b.posted, b.held, b.pending, b.debt, p_posting.occurred_at,
    p_posting.posted_at, p_posting.quoted_reimbursement_micro, p_posting.brand, p_posting.store, p_posting.member_ref,
    p_posting.reference, p_posting.campaign, p_posting.order_id, p_posting.hold_id, p_posting.other_wallet_id);
  if p_lots <> '{}' then
    insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points, original_posting_id,
      other_lot_id)
    select b.cell, b.wallet_id, b.wallet_version, ord - 1, p_posting.id, lot_id, points, original, other
    from unnest(p_lots, p_points, p_originals, p_others) with ordinality as u(lot_id, points, original, other, ord);
  end if;
  return b;
end $$;
