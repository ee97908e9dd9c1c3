-- hezong.traces: {"<wallet id>": "<traceparent>"} of the current batch; a wallet occurs in a batch once
create function keep_trace() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into event_trace (cell, event_id, traceparent)
  select new.cell, new.id, t.value from json_each_text(current_setting('hezong.traces')::json) t where t.key = new.wallet_id::text;
  return null;
end $$;
