-- Stores the rest of debts, or of their written-off parts; p_wrote is the part of each debt written off just now.
create function ledger_keep_debts(
  b wallet, p_written_off boolean, p_debts uuid[], p_points bigint[], p_wrote bigint[]
) returns void
language plpgsql as $$
begin
  with d as materialized (
    select b.cell as cell, b.wallet_id as wallet_id, u.* from unnest(p_debts, p_points, p_wrote) as u(id, points, wrote)
  )
  update lot l set remaining = case when p_written_off then l.remaining else d.points end,
    open = not p_written_off and d.points > 0 or p_written_off and l.open,
    lapsed = nullif(case when p_written_off then d.points else coalesce(l.lapsed, 0) + d.wrote end, 0)
  from d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.id
    and d.points <> case when p_written_off then l.lapsed else l.remaining end;
end $$;
