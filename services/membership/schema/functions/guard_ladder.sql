-- Rules by which ranks were decided never change; an open end can be set once.
create function guard_ladder() returns trigger
language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.valid_to is null
    and (new.version, new.name, new.valid_from, new.terms, new.created_by, new.created_at)
      is not distinct from (old.version, old.name, old.valid_from, old.terms, old.created_by, old.created_at)
  then
    return new;
  end if;
  raise exception 'ladder % is settled', old.version using errcode = 'restrict_violation';
end $$;
