create function guard_introduction() returns trigger
language plpgsql security definer set search_path = public as $$
declare
  introduced text[];
  above text[];
begin
  if tg_op <> 'INSERT' then
    raise exception 'an introduction is never changed' using errcode = 'restrict_violation';
  end if;
  -- one at a time; otherwise two halves of a chain could be inserted concurrently
  perform pg_advisory_xact_lock(4004, hashtext(new.brand));
  if coalesce((select max_depth from referral_programme where valid_from <= alliance_now() order by valid_from desc limit 1), 1) < 2 then
    raise exception 'introductions need a programme of depth 2' using errcode = 'check_violation', constraint = 'introduction_depth';
  end if;
  introduced := person_keys(new.brand, new.owner);
  above := person_keys(new.brand, new.introducer);
  -- the table's CHECK refuses one key on both sides
  if (new.owner <> new.introducer and introduced && above)
    or exists (select from introduction where brand = new.brand and owner = any (above))
    or exists (select from introduction where brand = new.brand and introducer = any (introduced))
  then
    raise exception 'a third level is not possible' using errcode = 'check_violation', constraint = 'introduction_depth';
  end if;
  if exists (select from introduction where brand = new.brand and owner = any (introduced)) then
    raise exception 'nobody is introduced twice' using errcode = 'check_violation', constraint = 'introduction_depth';
  end if;
  return new;
end $$;
