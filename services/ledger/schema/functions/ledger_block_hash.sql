create function ledger_block_hash(b seal_block) returns bytea
language sql immutable as $$
select sha256(coalesce(b.previous, '') || convert_to(row(b.cell, b.number, b.to_seq, b.postings, b.points, b.seqs)::text, 'UTF8')
  || sha256(b.leaves))
$$;
