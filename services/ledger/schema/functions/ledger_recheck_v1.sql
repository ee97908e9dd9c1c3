-- Checks the next passes of the round: one part of all, or more if these are few, but none that begins after p_ms milliseconds. A fault is
-- kept, and the round stays there until it is gone. Returns how many passes were good. One round at a time.
create function ledger_recheck_v1(p_parts integer, p_least integer, p_ms integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set timezone = 'UTC'
  set datestyle = 'ISO, YMD' as $$
#variable_conflict use_column
declare c seal_check; r record; v_fault text; v_good integer := 0; v_most integer;
  v_end timestamptz := clock_timestamp() + make_interval(secs => p_ms / 1000.0); v_late boolean := false;
begin
  if not pg_try_advisory_xact_lock(715004) then return 0; end if;
  select * into strict c from seal_check;
  -- a pass has one block at least, so these are more passes than one part has
  v_most := greatest(p_least, ceil((select reltuples from pg_class where oid = 'seal_block'::regclass) / p_parts)::integer);
  for r in
    select distinct to_epoch, to_xid, to_seq from seal_block where (to_epoch, to_xid, to_seq) > (c.to_epoch, c.to_xid, c.to_seq)
    order by to_epoch, to_xid, to_seq limit v_most
  loop
    select format('cell %s, block %s: the block or the one before it was changed', b.cell, b.number) into v_fault
    from seal_block b left join seal_block o on o.cell = b.cell and o.number = b.number - 1
    where (b.to_epoch, b.to_xid, b.to_seq) = (r.to_epoch, r.to_xid, r.to_seq)
      and (b.hash <> ledger_block_hash(b) or b.previous is distinct from o.hash or (o.number is null) <> (b.number = 1)) limit 1;
    if not found then
      select format('cell %s, block %s, posting %s: %s', f.cell, f.block, f.posting_id, f.fault) into v_fault
      from ledger_pass_fault(c.to_epoch, c.to_xid, c.to_seq, r.to_epoch, r.to_xid, r.to_seq) f;
    end if;
    exit when found;
    c.to_epoch := r.to_epoch; c.to_xid := r.to_xid; c.to_seq := r.to_seq; v_good := v_good + 1;
    v_late := clock_timestamp() > v_end;
    exit when v_late;
  end loop;
  if v_fault is null and not v_late and v_good < v_most then c.to_epoch := 0; c.to_xid := '0'; c.to_seq := 0; end if;
  update seal_check set to_epoch = c.to_epoch, to_xid = c.to_xid, to_seq = c.to_seq, fault = v_fault;
  return v_good;
end $$;

grant execute on function ledger_recheck_v1(integer, integer, integer) to hezong_ledger;
