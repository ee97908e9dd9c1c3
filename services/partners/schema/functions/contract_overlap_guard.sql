-- The last line of defence: the service locks the brand first and refuses with a code.
create function contract_overlap_guard() returns trigger
language plpgsql as $$
begin
  if exists (select from contract c where c.brand = new.brand and c.id <> new.id
               and tstzrange(c.valid_from, c.valid_to) && tstzrange(new.valid_from, new.valid_to)) then
    raise exception 'contract versions overlap' using errcode = 'exclusion_violation';
  end if;
  return new;
end $$;
