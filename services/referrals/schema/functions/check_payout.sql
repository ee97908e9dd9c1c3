-- A released payout equals, person by person, its draws.
create function check_payout() returns trigger
language plpgsql security definer set search_path = public as $$
begin
  if exists (
    select from (select owner, sum(amount - given_back) filter (where repays is null) as net from earning_draw where payout_id = new.id group by owner) d
      full join (select owner, case when left_out then 0 else net end as net from payout_item where payout_id = new.id) i using (owner)
     where coalesce(d.net, 0) <> coalesce(i.net, 0)
  ) then
    raise exception 'payout % is not what was drawn for it', new.id using errcode = 'check_violation', constraint = 'payout_drawn';
  end if;
  return null;
end $$;
