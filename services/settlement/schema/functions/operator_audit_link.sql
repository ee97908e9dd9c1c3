create function operator_audit_link() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare v_last operator_audit;
begin
  -- One row at a time, so that no two rows follow the same row.
  perform pg_advisory_xact_lock(715010);
  select * into v_last from operator_audit order by seq desc limit 1;
  new.seq := coalesce(v_last.seq, 0) + 1;
  new.at := clock_timestamp();
  new.previous_hash := v_last.hash;
  new.hash := operator_audit_hash(new);
  return new;
end $$;
