-- At the end of a transaction, every conversion equals its draws, the points taken back are the floor of the sum of refunds, and a
-- conversion that the ledger declined holds nothing.
create function check_conversion() returns trigger
language plpgsql security definer set search_path = public as $$
declare
  root uuid := case tg_table_name when 'conversion' then coalesce(to_jsonb(new)->>'reverses', to_jsonb(new)->>'id') else to_jsonb(new)->>'conversion_id' end;
  sums record;
begin
  root := coalesce((select reverses from conversion where id = root), root);
  select sum(amount) as net, coalesce(-sum(amount) filter (where amount < 0), 0) as back, coalesce(-sum(points) filter (where amount < 0), 0) as points,
         min(price_micro) as price into sums from conversion where id = root or reverses = root;
  if sums.net is distinct from (select sum(amount - given_back) from earning_draw where conversion_id = root and repays is null)
    or sums.points <> div(sums.back * 1000000, sums.price)
    or (sums.net <> 0 and exists (select from conversion_answer where conversion_id = root and outcome = 'declined'))
  then
    raise exception 'conversion % is not what was drawn for it', root using errcode = 'check_violation', constraint = 'conversion_drawn';
  end if;
  return null;
end $$;
