-- Seals the next postings, those of each cell in a block of its chain, and returns their number. One sealer at a time.
create function ledger_seal_v1(p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set timezone = 'UTC'
  set datestyle = 'ISO, YMD' as $$
#variable_conflict use_column
declare v_from seal_block; v_last seal_block; v_block seal_block; v_to record; r record; v_sealed integer := 0;
begin
  if not pg_try_advisory_xact_lock(715003) then return 0; end if;
  select * into v_from from seal_block order by to_epoch desc, to_xid desc, to_seq desc limit 1;
  for r in
    with d as materialized (
      select * from ledger_digests(coalesce(v_from.to_epoch, 0::smallint), coalesce(v_from.to_xid, '0'), coalesce(v_from.to_seq, 0),
        null, null, null, p_limit)
    ), counted as (
      insert into brand_balance as b (cell, account_id, legs, credits, debits)
      select d.cell, e.account_id, count(*), sum(greatest(e.amount, 0)), sum(greatest(-e.amount, 0))
      from d cross join lateral unnest(d.accounts, d.amounts) e(account_id, amount)
      where e.account_id is not null
      group by d.cell, e.account_id order by 1, 2
      on conflict (cell, account_id) do update set legs = b.legs + excluded.legs, credits = b.credits + excluded.credits,
        debits = b.debits + excluded.debits
    )
    select cell, count(*) as postings, sum(points) as points, array_agg(seq order by epoch, xid, seq) as seqs,
      string_agg(digest, ''::bytea order by epoch, xid, seq) as leaves, last.*
    from d, (select epoch as to_epoch, xid as to_xid, seq as to_seq from d order by 1 desc, 2 desc, 3 desc limit 1) last
    group by cell, last.to_epoch, last.to_xid, last.to_seq order by cell
  loop
    select * into v_last from seal_block where cell = r.cell order by number desc limit 1;
    v_block.cell := r.cell; v_block.number := coalesce(v_last.number, 0) + 1; v_block.previous := v_last.hash;
    v_block.to_epoch := r.to_epoch; v_block.to_xid := r.to_xid; v_block.to_seq := r.to_seq;
    v_block.postings := r.postings; v_block.points := r.points; v_block.seqs := r.seqs; v_block.leaves := r.leaves;
    v_block.hash := ledger_block_hash(v_block);
    v_block.sealed_at := clock_timestamp();
    insert into seal_block select v_block.*;
    v_sealed := v_sealed + r.postings;
  end loop;
  return v_sealed;
end $$;

grant execute on function ledger_seal_v1(integer) to hezong_ledger;
