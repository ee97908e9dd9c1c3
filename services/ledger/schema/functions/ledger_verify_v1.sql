-- Checks the chains (of each, at most the given number of newest blocks): first that each block follows the one before it, then that
-- the postings are those that were sealed, pass by pass. Returns only the first fault, with its posting if there is one.
create function ledger_verify_v1(
  p_newest bigint default null::bigint
) returns table(cell smallint, block bigint, seq bigint, posting_id uuid, fault text)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp set timezone = 'UTC'
  set datestyle = 'ISO, YMD' as $$
#variable_conflict use_column
declare r record;
begin
  for r in
    select x.*, row_number() over (partition by x.cell order by x.number) as place from (
      select b.cell, b.number, b.previous, b.hash, ledger_block_hash(b) as right_hash, lag(b.number) over w as before_number, lag(b.hash) over w as before_hash,
        row_number() over (partition by b.cell order by b.number desc) as age
      from seal_block b window w as (partition by b.cell order by b.number)) x
    where p_newest is null or x.age <= p_newest order by x.cell, x.number
  loop
    if r.number <> coalesce(r.before_number, 0) + 1 then
      return query select r.cell, r.number, null::bigint, null::uuid, 'a block is missing before this one'; return;
    end if;
    if r.previous is distinct from r.before_hash or r.hash <> r.right_hash then
      return query select r.cell, r.number, null::bigint, null::uuid, 'the block was changed'; return;
    end if;
  end loop;
  for r in
    select p.*, lag(p.to_epoch) over w as from_epoch, lag(p.to_xid) over w as from_xid, lag(p.to_seq) over w as from_seq,
      row_number() over (order by p.to_epoch desc, p.to_xid desc, p.to_seq desc) as age
    from (select distinct to_epoch, to_xid, to_seq from seal_block) p window w as (order by p.to_epoch, p.to_xid, p.to_seq)
    order by p.to_epoch, p.to_xid, p.to_seq
  loop
    continue when r.age > p_newest;
    return query select * from ledger_pass_fault(coalesce(r.from_epoch, 0::smallint), coalesce(r.from_xid, '0'), coalesce(r.from_seq, 0),
      r.to_epoch, r.to_xid, r.to_seq);
    if found then return; end if;
  end loop;
end $$;

grant execute on function ledger_verify_v1(bigint) to hezong_ledger;
