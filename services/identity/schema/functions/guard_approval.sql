create function guard_approval() returns trigger
language plpgsql as $$
begin
  if tg_op = 'DELETE'
    or to_jsonb(new) - array['state', 'checker', 'reason', 'decided_at', 'used_at']
       <> to_jsonb(old) - array['state', 'checker', 'reason', 'decided_at', 'used_at']
    or (old.state, new.state) not in (('pending', 'approved'), ('pending', 'refused'), ('pending', 'expired'),
         ('approved', 'used'), ('approved', 'refused'), ('approved', 'expired'))
    or (new.state in ('used', 'expired') and new.checker is distinct from old.checker)
  then
    raise exception 'approval % cannot become that', old.id using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
