-- Whether orders and grants of a brand gave a wallet more than this many points since the beginning of a day. It reads the thousand
-- newest postings; for a wallet with more on one day the answer is true.
create function ledger_gives_over(
  p_cell smallint, p_wallet uuid, p_brand text, p_from timestamptz, p_points bigint
) returns boolean
language plpgsql stable as $$
declare p record; v_left bigint := p_points; v_seen integer := 0;
begin
  for p in select kind, brand, points, posted_at from posting where cell = p_cell and wallet_id = p_wallet
    order by wallet_version desc limit 1001
  loop
    exit when p.posted_at < p_from or v_left < 0;
    if p.brand = p_brand and p.kind in ('accrual', 'accrual_pending') then v_left := v_left - p.points; end if;
    v_seen := v_seen + 1;
  end loop;
  return v_left < 0 or v_seen > 1000;
end $$;
