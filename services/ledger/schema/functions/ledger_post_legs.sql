-- A single posting. The wallet's row must be locked.
create function ledger_post_legs(
  p_posting posting, p_spendable bigint, p_pending bigint, p_accounts integer[], p_amounts bigint[], p_lots uuid[],
  p_points bigint[], p_originals uuid[], p_others uuid[] default null::uuid[]
) returns void
language plpgsql as $$
begin
  perform ledger_keep_wallet(ledger_add_posting(ledger_take_up(p_posting.wallet_id), p_posting, p_spendable, p_pending,
    p_accounts, p_amounts, p_lots, p_points, p_originals, p_others));
end $$;
