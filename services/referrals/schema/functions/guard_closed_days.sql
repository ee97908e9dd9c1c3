create function guard_closed_days() returns trigger
language plpgsql as $$
begin
  if tg_op <> 'UPDATE' or new.through < old.through or new.sealed < old.sealed or new.told < old.told then
    raise exception 'a day is never opened again' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
