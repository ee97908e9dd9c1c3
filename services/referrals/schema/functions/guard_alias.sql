-- Registering who a guide is joins two persons into one, who must not be on both sides of an introduction.
create function guard_alias() returns trigger
language plpgsql security definer set search_path = public as $$
declare
  keys text[];
begin
  perform pg_advisory_xact_lock(4004, hashtext(new.brand));
  keys := person_keys(new.brand, new.owner);
  if (select count(*) from introduction where brand = new.brand and owner = any (keys)) > 1
    or (exists (select from introduction where brand = new.brand and owner = any (keys))
      and exists (select from introduction where brand = new.brand and introducer = any (keys)))
  then
    raise exception 'a third level is not possible' using errcode = 'check_violation', constraint = 'introduction_depth';
  end if;
  return null;
end $$;
