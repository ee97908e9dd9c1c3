import { appendOnlySql, defineMigration } from '#libs/postgres';

/**
 * The audit chain. Blocks of committed postings, in the order of the relay, with one digest for each posting and its movements and
 * a hash that holds the previous block's: made afterwards, so that no posting ever waits for another one's hash. Entries need no
 * digest of their own, as they follow from postings and movements; the invariants compare them.
 */
const seal = `
  create table seal_block (
    number bigint primary key,
    to_xid xid8 not null,
    to_seq bigint not null,
    postings integer not null check (postings > 0),
    points numeric not null,
    seqs bigint[] not null,
    -- 32 bytes a posting, in the order of seqs
    leaves bytea not null,
    previous bytea,
    hash bytea not null,
    sealed_at timestamptz not null default clock_timestamp()
  );
  ${appendOnlySql('seal_block')}
  revoke insert, update, delete, truncate, references, trigger on seal_block from public, hezong_ledger;

  -- Digests of the postings after one place, up to another or as many as asked; transaction ids are no part of them.
  create function ledger_digests(p_xid xid8, p_seq bigint, p_to_xid xid8, p_to_seq bigint, p_limit integer)
  returns table (posting_xid xid8, posting_seq bigint, posting_id uuid, posting_points bigint, digest bytea)
  language sql stable as $fn$
    select p.xid, p.seq, p.id, p.points, sha256(convert_to(row(p.seq, p.id, p.wallet_account, p.wallet_version, p.kind, p.wallet_id, p.brand,
      p.store, p.member_ref, p.points, p.occurred_at, p.posted_at, p.reference, p.order_id, p.hold_id, p.quoted_reimbursement_micro,
      p.campaign, p.asset, p.terms_id, (select string_agg(row(a.ordinal, a.posting_id, a.lot_id, a.points, a.original_posting_id)::text, '' order by a.ordinal)
        from allocation a where a.wallet_account = p.wallet_account and a.wallet_version = p.wallet_version))::text, 'UTF8'))
    from posting p
    where (p.xid, p.seq) > (p_xid, p_seq) and (p_to_xid is null or (p.xid, p.seq) <= (p_to_xid, p_to_seq))
      and p.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by p.xid, p.seq limit p_limit
  $fn$;

  create function ledger_block_hash(b seal_block) returns bytea language sql immutable as $fn$
    select sha256(coalesce(b.previous, '') || convert_to(row(b.number, b.to_seq, b.postings, b.points, b.seqs)::text, 'UTF8') || sha256(b.leaves))
  $fn$;

  -- Seals the next block; answers how many postings it took. One sealer at a time.
  create function ledger_seal_v1(p_limit integer) returns integer language plpgsql volatile security definer
  set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' as $fn$
  declare v_last seal_block; v_block seal_block;
  begin
    if not pg_try_advisory_xact_lock(715003) then return 0; end if;
    select * into v_last from seal_block order by number desc limit 1;
    select count(*), sum(posting_points), array_agg(posting_seq order by posting_xid, posting_seq),
      string_agg(digest, ''::bytea order by posting_xid, posting_seq), max(posting_xid)
    into v_block.postings, v_block.points, v_block.seqs, v_block.leaves, v_block.to_xid
    from ledger_digests(coalesce(v_last.to_xid, '0'::xid8), coalesce(v_last.to_seq, 0), null, null, p_limit);
    if v_block.postings = 0 then return 0; end if;
    v_block.number := coalesce(v_last.number, 0) + 1;
    v_block.to_seq := v_block.seqs[v_block.postings];
    v_block.previous := v_last.hash;
    v_block.hash := ledger_block_hash(v_block);
    v_block.sealed_at := clock_timestamp();
    insert into seal_block select v_block.*;
    return v_block.postings;
  end $fn$;

  -- Checks the blocks from one number on; the first fault alone, with the posting it is about where there is one.
  create function ledger_verify_v1(p_from bigint) returns table (block bigint, seq bigint, posting_id uuid, fault text)
  language plpgsql stable security definer
  set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' as $fn$
  #variable_conflict use_column
  declare b seal_block; v_before seal_block; v_fault record;
  begin
    select * into v_before from seal_block where number = p_from - 1;
    for b in select * from seal_block where number >= p_from order by number loop
      if b.number <> coalesce(v_before.number, 0) + 1 then
        return query select b.number, null::bigint, null::uuid, 'a block is missing before this one'; return;
      end if;
      if b.previous is distinct from v_before.hash or b.hash <> ledger_block_hash(b) then
        return query select b.number, null::bigint, null::uuid, 'the block was changed'; return;
      end if;
      select coalesce(s.seq, d.posting_seq) as seq, d.posting_id, case when d.posting_seq is null then 'the posting was removed'
        when s.seq is null then 'the posting was added' else 'the posting or its movements were changed' end as fault into v_fault
      from (select u.seq, substring(b.leaves from (u.place::int - 1) * 32 + 1 for 32) as leaf
        from unnest(b.seqs) with ordinality u(seq, place)) s
      full join ledger_digests(coalesce(v_before.to_xid, '0'::xid8), coalesce(v_before.to_seq, 0), b.to_xid, b.to_seq, null) d
        on d.posting_seq = s.seq
      where s.leaf is distinct from d.digest order by 1 limit 1;
      if found then
        return query select b.number, v_fault.seq, v_fault.posting_id, v_fault.fault; return;
      end if;
      v_before := b;
    end loop;
  end $fn$;

  revoke execute on function ledger_seal_v1(integer), ledger_verify_v1(bigint) from public;
  grant execute on function ledger_seal_v1(integer), ledger_verify_v1(bigint) to hezong_ledger;
`;

export const auditChain = defineMigration({ id: '0007', name: 'seal', up: seal });
