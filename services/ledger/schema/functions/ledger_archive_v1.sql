-- Moves some of the answers older than an instant and returns their number. Several calls may run concurrently.
create function ledger_archive_v1(p_before timestamptz, p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare v_cells smallint[]; v_ids uuid[];
begin
  select array_agg(x.cell), array_agg(x.id) into v_cells, v_ids
  from (select cell, id from operation where posted_at < p_before order by posted_at limit p_limit for update skip locked) x;
  insert into operation_archive select o.* from unnest(v_cells, v_ids) u(cell, id) join operation o on o.cell = u.cell and o.id = u.id;
  delete from operation o using unnest(v_cells, v_ids) u(cell, id) where o.cell = u.cell and o.id = u.id;
  return coalesce(cardinality(v_ids), 0);
end $$;

grant execute on function ledger_archive_v1(timestamptz, integer) to hezong_ledger;
