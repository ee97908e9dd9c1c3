create function guard_frozen_clock() returns trigger
language plpgsql as $$
begin
  if new.at < old.at then
    raise exception 'the clock never goes backwards' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
