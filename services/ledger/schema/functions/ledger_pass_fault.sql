-- The first posting of one pass that is not what was sealed.
create function ledger_pass_fault(
  p_epoch smallint, p_xid xid8, p_seq bigint, p_to_epoch smallint, p_to_xid xid8, p_to_seq bigint
) returns table(cell smallint, block bigint, seq bigint, posting_id uuid, fault text)
language sql stable as $$
select coalesce(s.cell, d.cell), s.number, coalesce(s.seq, d.seq), d.posting_id, case when d.seq is null then 'the posting was removed'
  when s.seq is null then 'the posting was added' else 'the posting, its movements, its lots or its hold were changed' end
from (select b.cell, b.number, u.seq, substring(b.leaves from (u.place::int - 1) * 32 + 1 for 32) as leaf
  from seal_block b cross join lateral unnest(b.seqs) with ordinality u(seq, place)
  where (b.to_epoch, b.to_xid, b.to_seq) = (p_to_epoch, p_to_xid, p_to_seq)) s
full join ledger_digests(p_epoch, p_xid, p_seq, p_to_epoch, p_to_xid, p_to_seq, null) d on d.seq = s.seq
where s.leaf is distinct from d.digest order by coalesce(s.seq, d.seq) limit 1
$$;
