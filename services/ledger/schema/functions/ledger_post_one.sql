-- The same against one brand account, which receives the sum of the wallet's legs, if it is not zero.
create function ledger_post_one(
  p_posting posting, p_spendable bigint, p_pending bigint, p_brand_account integer, p_lots uuid[], p_points bigint[],
  p_originals uuid[], p_others uuid[] default null::uuid[]
) returns void
language plpgsql as $$
begin
  if p_spendable + p_pending = 0 then
    perform ledger_post_legs(p_posting, p_spendable, p_pending, '{}', '{}', p_lots, p_points, p_originals, p_others);
  else
    perform ledger_post_legs(p_posting, p_spendable, p_pending, array[p_brand_account], array[-p_spendable - p_pending],
      p_lots, p_points, p_originals, p_others);
  end if;
end $$;
