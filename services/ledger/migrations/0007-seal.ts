import { appendOnlySql, defineMigration } from '#libs/postgres';

/**
 * The audit chain, one per cell. A block covers committed postings in relay order. It holds one digest for each posting, its
 * movements, the lots it created and the order behind it, and a hash that includes the previous block's hash. Blocks are built
 * afterwards, so that no posting waits for the hash of another. One pass seals all cells up to the same position and counts the
 * totals of brands' legs.
 */
const seal = `
  create table seal_block (
    cell smallint not null,
    number bigint not null,
    -- the position up to which the pass that made the block went
    to_epoch smallint not null,
    to_xid xid8 not null,
    to_seq bigint not null,
    postings integer not null check (postings > 0),
    points numeric not null,
    seqs bigint[] not null,
    -- 32 bytes per posting, in the order of seqs
    leaves bytea not null,
    previous bytea,
    hash bytea not null,
    sealed_at timestamptz not null default clock_timestamp(),
    primary key (cell, number)
  );
  create index seal_block_pass on seal_block (to_epoch, to_xid, to_seq);
  ${appendOnlySql('seal_block')}
  revoke insert, update, delete, truncate, references, trigger on seal_block from public, hezong_ledger;

  -- A lot as it was created; later changes are in movements.
  create function ledger_lot_text(l lot) returns text language sql stable as $fn$
    select row(l.id, l.issuer, l.terms_id, l.asset, l.points, l.debt, coalesce(l.agreed_expires_at, l.expires_at, 'infinity'), l.earned_at,
      l.available_from, l.places, l.campaign, l.reason, l.rule_id, l.origin_id, l.reference, l.member_ref)::text
  $fn$;

  -- Digests of the postings after one position, up to another position or a number; they do not include transaction ids.
  create function ledger_digests(p_epoch smallint, p_xid xid8, p_seq bigint, p_to_epoch smallint, p_to_xid xid8, p_to_seq bigint,
    p_limit integer)
  returns table (cell smallint, epoch smallint, xid xid8, seq bigint, posting_id uuid, points bigint, accounts integer[], amounts bigint[],
    digest bytea)
  language sql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off as $fn$
    select p.cell, p.epoch, p.xid, p.seq, p.id, p.points, p.brand_account || p.other_accounts, p.brand_points || p.other_points, sha256(convert_to(row(p.cell, p.seq, p.kind, p.wallet_id, p.wallet_version, p.id,
      p.points, p.spendable, p.pending, p.brand_account, p.brand_points, p.other_accounts, p.other_points, p.balance_after, p.held_after,
      p.pending_after, p.debt_after, p.occurred_at, p.posted_at, p.quoted_reimbursement_micro, p.brand, p.store, p.member_ref, p.reference,
      p.campaign, p.order_id, p.hold_id, p.other_wallet_id, p.lot_id, p.asset, p.terms_id,
      moved.movements, made.lot, moved.lots,
      (select row(h.points, h.authorized_at, h.expires_at, h.quote_id, h.quoted_reimbursement_micro, h.terms_id, h.draw_order)::text from hold h
        where h.cell = p.cell and h.id = p.hold_id and h.wallet_version = p.wallet_version),
      (select row(o.external_id, o.currency, o.points_earned, o.document::text)::text from purchase o
        where o.cell = p.cell and o.id = p.order_id and o.posting_id = p.id)
      )::text, 'UTF8'))
    from posting p
    cross join lateral (
      select string_agg(row(a.ordinal, a.posting_id, a.lot_id, a.points, a.original_posting_id, a.other_lot_id)::text, '' order by a.ordinal)
          as movements,
        string_agg(ledger_lot_text(l), '' order by a.ordinal) as lots
      from allocation a
      -- each lot by its key, because a wallet may have thousands of lots
      left join lateral (
        select * from lot where cell = p.cell and wallet_id = p.wallet_id and id = a.lot_id and posting_id = p.id offset 0) l on true
      where a.cell = p.cell and a.wallet_id = p.wallet_id and a.wallet_version = p.wallet_version) moved
    left join lateral (
      select ledger_lot_text(l) as lot from lot l
      where l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = p.lot_id and l.posting_id = p.id offset 0) made on true
    where (p.epoch, p.xid, p.seq) > (p_epoch, p_xid, p_seq)
      and (p_to_xid is null or (p.epoch, p.xid, p.seq) <= (p_to_epoch, p_to_xid, p_to_seq))
      and (p.epoch < (select n.epoch from node n) or p.xid < pg_snapshot_xmin(pg_current_snapshot()))
    order by p.epoch, p.xid, p.seq limit p_limit
  $fn$;

  create function ledger_block_hash(b seal_block) returns bytea language sql immutable as $fn$
    select sha256(coalesce(b.previous, '') || convert_to(row(b.cell, b.number, b.to_seq, b.postings, b.points, b.seqs)::text, 'UTF8')
      || sha256(b.leaves))
  $fn$;

  -- Seals the next postings, those of each cell in a block of its chain, and returns their number. One sealer at a time.
  create function ledger_seal_v1(p_limit integer) returns integer language plpgsql volatile security definer
  set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' as $fn$
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
  end $fn$;

  -- The first posting of one pass that is not what was sealed.
  create function ledger_pass_fault(p_epoch smallint, p_xid xid8, p_seq bigint, p_to_epoch smallint, p_to_xid xid8, p_to_seq bigint)
  returns table (cell smallint, block bigint, seq bigint, posting_id uuid, fault text) language sql stable as $fn$
    select coalesce(s.cell, d.cell), s.number, coalesce(s.seq, d.seq), d.posting_id, case when d.seq is null then 'the posting was removed'
      when s.seq is null then 'the posting was added' else 'the posting, its movements, its lots or its hold were changed' end
    from (select b.cell, b.number, u.seq, substring(b.leaves from (u.place::int - 1) * 32 + 1 for 32) as leaf
      from seal_block b cross join lateral unnest(b.seqs) with ordinality u(seq, place)
      where (b.to_epoch, b.to_xid, b.to_seq) = (p_to_epoch, p_to_xid, p_to_seq)) s
    full join ledger_digests(p_epoch, p_xid, p_seq, p_to_epoch, p_to_xid, p_to_seq, null) d on d.seq = s.seq
    where s.leaf is distinct from d.digest order by coalesce(s.seq, d.seq) limit 1
  $fn$;

  -- Checks the chains (of each, at most the given number of newest blocks): first that each block follows the one before it, then that
  -- the postings are those that were sealed, pass by pass. Returns only the first fault, with its posting if there is one.
  create function ledger_verify_v1(p_newest bigint default null) returns table (cell smallint, block bigint, seq bigint, posting_id uuid, fault text)
  language plpgsql stable security definer
  set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' as $fn$
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
  end $fn$;

  -- How far the current round over all passes, old ones too, has come, and what it stopped at.
  create table seal_check (
    one boolean primary key default true check (one),
    to_epoch smallint not null default 0,
    to_xid xid8 not null default '0',
    to_seq bigint not null default 0,
    fault text
  );
  insert into seal_check default values;
  revoke insert, update, delete, truncate, references, trigger on seal_check from public, hezong_ledger;

  -- Checks the next passes of the round: one part of all, or more if these are few, but none that begins after p_ms milliseconds. A fault is
  -- kept, and the round stays there until it is gone. Returns how many passes were good. One round at a time.
  create function ledger_recheck_v1(p_parts integer, p_least integer, p_ms integer) returns integer language plpgsql volatile security definer
  set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' as $fn$
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
  end $fn$;

  revoke execute on function ledger_seal_v1(integer), ledger_verify_v1(bigint), ledger_recheck_v1(integer, integer, integer) from public;
  grant execute on function ledger_seal_v1(integer), ledger_verify_v1(bigint), ledger_recheck_v1(integer, integer, integer) to hezong_ledger;
`;

export const auditChain = defineMigration({ id: '0007', name: 'seal', up: seal });
