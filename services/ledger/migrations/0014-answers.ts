import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/** Keys and the answers given under them. */
const tables = `
  -- The first use of a business key, kept forever: key is the first 16 bytes of SHA-256 over kind, brand and the brand's own id. The
  -- row is in the cell of the key, not of the wallet. An Idempotency-Key is a separate key that leads to the same operation.
  create table claim (
    cell smallint not null,
    key uuid not null,
    wallet_id uuid,
    operation_id uuid not null,
    primary key (cell, key)
  );
  ${appendOnlySql('claim')}

  -- The request under a business key and its answer, declines included: all except orders and authorizations that were accepted, whose
  -- rows contain both.
  create table operation (
    cell smallint not null,
    kind operation_kind not null,
    id uuid not null,
    wallet_id uuid not null,
    posting_id uuid,
    posted_at timestamptz not null,
    balance bigint not null,
    held bigint not null,
    pending bigint not null,
    debt bigint not null,
    decline_limit bigint,
    request_hash bytea not null,
    brand text not null,
    external_id text not null,
    decline text,
    result json not null,
    detail json,
    primary key (cell, id)
  );
  create index operation_age on operation (posted_at);
  ${brandPolicySql('operation')}

  -- Answers older than the promised time: the same rows, stored apart from those that may still be requested. Keys stay where they
  -- are.
  create table operation_archive (like operation, primary key (cell, id));
  ${appendOnlySql('operation_archive')}
  ${brandPolicySql('operation_archive')}

  -- An answer never changes, and is deleted only once it is in the archive.
  create function refuse_loss() returns trigger language plpgsql as $fn$
  begin
    if tg_op = 'DELETE' then
      if exists (select from operation_archive a where a.cell = old.cell and a.id = old.id) then return old; end if;
    end if;
    raise exception 'answers are kept forever' using errcode = 'restrict_violation';
  end $fn$;
  create trigger operation_kept before update or delete on operation for each row execute function refuse_loss();
  create trigger operation_no_truncate before truncate on operation for each statement execute function refuse_loss();

  -- Moves some of the answers older than an instant and returns their number. Several calls may run concurrently.
  create function ledger_archive_v1(p_before timestamptz, p_limit integer) returns integer language plpgsql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
  declare v_cells smallint[]; v_ids uuid[];
  begin
    select array_agg(x.cell), array_agg(x.id) into v_cells, v_ids
    from (select cell, id from operation where posted_at < p_before order by posted_at limit p_limit for update skip locked) x;
    insert into operation_archive select o.* from unnest(v_cells, v_ids) u(cell, id) join operation o on o.cell = u.cell and o.id = u.id;
    delete from operation o using unnest(v_cells, v_ids) u(cell, id) where o.cell = u.cell and o.id = u.id;
    return coalesce(cardinality(v_ids), 0);
  end $fn$;
  revoke execute on function ledger_archive_v1(timestamptz, integer) from public;
  grant execute on function ledger_archive_v1(timestamptz, integer) to hezong_ledger;

  -- The first answer to every key.
  create view first_answer with (security_invoker = true) as
    select cell, id, kind, brand, wallet_id, request_hash, decline, decline_limit, result, balance, held, pending, debt, detail,
      posting_id, posted_at
    from operation
    union all
    select cell, id, kind, brand, wallet_id, request_hash, decline, decline_limit, result, balance, held, pending, debt, detail,
      posting_id, posted_at
    from operation_archive
    union all
    select cell, id, 'order', brand, wallet_id, request_hash, null, null, document, balance, held, pending, debt,
      case when repaid is not null then json_build_object('repaid', repaid) end, posting_id, posted_at
    from purchase
    union all
    select h.cell, h.id, 'authorization', h.brand, h.wallet_id, h.request_hash, null, null, h.result, p.balance_after - p.held_after,
      p.held_after, p.pending_after, p.debt_after, json_build_object('points', h.points,
        'status', case p.kind when 'capture' then 'captured' else 'authorized' end,
        'captured', case p.kind when 'capture' then h.points else 0 end), p.id, p.posted_at
    from hold h join posting p on p.cell = h.cell and p.wallet_id = h.wallet_id and p.wallet_version = h.wallet_version;

  -- The Idempotency-Keys of repeats lead to the operations of their business keys from now on. Fails on claim_pkey if one leads to another
  -- operation by now: what was read before is out of date.
  create function ledger_bind_v1(p_keys uuid[], p_transport_keys uuid[]) returns void language sql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
    insert into claim (cell, key, wallet_id, operation_id)
    select ledger_cell(u.transport_key), u.transport_key, c.wallet_id, c.operation_id
    from unnest(p_keys, p_transport_keys) u(key, transport_key)
    cross join lateral (select * from claim where cell = ledger_cell(u.key) and key = u.key offset 0) c
    where not exists (select from claim t where t.cell = ledger_cell(u.transport_key) and t.key = u.transport_key
      and t.operation_id = c.operation_id)
    order by 1, 2
  $fn$;
  revoke execute on function ledger_bind_v1(uuid[], uuid[]) from public;
  grant execute on function ledger_bind_v1(uuid[], uuid[]) to hezong_ledger;

  revoke insert, update, delete, truncate, references, trigger on claim, operation, operation_archive from public, hezong_ledger;
`;

export const answers = defineMigration({ id: '0014', name: 'answers', up: tables });
