-- The amount that a party holds is the sum of its legs, by construction.
create function apply_legs() returns trigger
language plpgsql as $$
begin
  if exists (select from added where day <= (select through from closed_days)) then
    raise exception 'the day is closed' using errcode = 'restrict_violation', constraint = 'leg_day_closed';
  end if;
  update commission_party p set held = p.held + a.amount
    from (select commission_id, party, sum(amount)::bigint as amount from added group by 1, 2) a
    where p.commission_id = a.commission_id and p.party = a.party;
  return null;
end $$;
