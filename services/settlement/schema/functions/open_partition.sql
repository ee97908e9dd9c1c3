-- Creates the partition for the lines of a cycle. It is created separately and then attached, which waits for no reader or writer
-- of other cycles. Access is possible only through the table: the partition has row security without a policy, and the table's
-- guards.
create function open_partition() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  name constant text := 'line_' || lower(replace(new.id, '-', '_'));
begin
  execute format('create table %I (like line including all)', name);
  execute format('alter table %I enable row level security, force row level security', name);
  execute format('create trigger line_filed after insert on %I referencing new table as added
    for each statement execute function file_lines()', name);
  execute format('create trigger line_no_truncate before truncate on %I for each statement execute function refuse_change()', name);
  execute format('alter table line attach partition %I for values in (%L)', name, new.id);
  return null;
end $$;
