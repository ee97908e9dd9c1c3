-- A cycle only ever moves to its next state. Its period is fixed from the cut-off on, and the result of its freeze forever.
create function guard_cycle() returns trigger
language plpgsql as $$
declare
  states constant text[] := array['open', 'cut_off', 'freezing', 'frozen', 'confirmed', 'closed'];
begin
  if tg_op <> 'UPDATE' then
    raise exception 'a cycle is never removed' using errcode = 'restrict_violation';
  end if;
  if (new.id, new.month, new.currency) is distinct from (old.id, old.month, old.currency)
    or array_position(states, new.status) not between array_position(states, old.status)
         and array_position(states, old.status) + 1
    or (old.status <> 'open' and (new.from_at, new.to_at, new.cut_off_at) is distinct from (old.from_at, old.to_at, old.cut_off_at))
    or (old.line_count is not null and (new.line_count, new.lines_root, new.results_root)
         is distinct from (old.line_count, old.lines_root, old.results_root))
    or (old.status = 'closed' and new is distinct from old)
    or new.closed_through < old.closed_through or (new.closed_through is null and old.closed_through is not null)
  then
    raise exception 'cycle % cannot go from % to %', old.id, old.status, new.status using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
