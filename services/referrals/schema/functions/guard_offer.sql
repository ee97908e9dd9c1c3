create function guard_offer() returns trigger
language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.withdrawn_at is not null
    or to_jsonb(new) - 'withdrawn_at' is distinct from to_jsonb(old) - 'withdrawn_at' then
    raise exception 'a published offer can only be withdrawn' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
