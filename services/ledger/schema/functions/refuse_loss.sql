-- An answer never changes, and is deleted only once it is in the archive.
create function refuse_loss() returns trigger
language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if exists (select from operation_archive a where a.cell = old.cell and a.id = old.id) then return old; end if;
  end if;
  raise exception 'answers are kept forever' using errcode = 'restrict_violation';
end $$;
