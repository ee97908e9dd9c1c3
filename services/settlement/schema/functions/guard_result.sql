-- Results are written in their step and never change.
create function guard_result() returns trigger
language plpgsql as $$
declare
  settled text;
begin
  select t.cycle into settled
    from (select distinct cycle from added) t join cycle c on c.id = t.cycle
    where c.status <> tg_argv[0]
    limit 1;
  if found then
    raise exception 'the results of cycle % are settled', settled using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
