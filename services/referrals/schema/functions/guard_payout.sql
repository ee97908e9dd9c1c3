create function guard_payout() returns trigger
language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'a payout is never deleted' using errcode = 'restrict_violation';
  end if;
  if tg_op = 'INSERT' then
    if new.state <> 'draft' then
      raise exception 'a payout begins as a draft' using errcode = 'restrict_violation';
    end if;
    return new;
  end if;
  if (new.id, new.currency, new.maker, new.created_at) is distinct from (old.id, old.currency, old.maker, old.created_at)
    or (old.checker is not null and (new.checker, new.released_by, new.approved_hash) is distinct from (old.checker, old.released_by, old.approved_hash))
    or not ((old.state, new.state) in (('draft', 'released'), ('draft', 'cancelled'), ('released', 'paid')))
  then
    raise exception 'payout % cannot go from % to %', old.id, old.state, new.state using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
