-- A version is never edited or removed; the only permitted change is to set its open end.
create function contract_guard() returns trigger
language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.valid_to is not null or new.valid_to is null
     or (to_jsonb(new) - 'valid_to') <> (to_jsonb(old) - 'valid_to') then
    raise exception 'contract versions are append-only' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
