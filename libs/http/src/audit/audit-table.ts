import { appendOnlySql } from '#libs/postgres';

/**
 * DDL of the record of operator calls at a service. A call is written before anything is done, and its outcome as a separate row, so
 * that rows never change. The database sets numbers, times and hashes; each row's hash covers the row before it.
 * @param role role of the running service, which may only add and read rows
 */
export function operatorAuditSql(role: string): string {
  return `
    create table operator_audit (
      seq bigint primary key,
      -- real time, not the alliance's clock
      at timestamptz not null,
      -- of an incoming call; null in the row that records how the call ended
      client text,
      method text,
      route text,
      path text,
      payload_hash text check (payload_hash ~ '^sha256:[0-9a-f]{64}$'),
      request_id text,
      -- only in the row that records how a call ended: the seq of that call and the status of its answer
      answers bigint check (answers < seq),
      status smallint,
      previous_hash text,
      hash text not null,
      constraint operator_audit_is_call_or_end check (
        num_nonnulls(client, method, route, path, payload_hash, request_id) = case when answers is null then 6 else 0 end
        and (answers is null) = (status is null))
    );
    create unique index operator_audit_end on operator_audit (answers) where answers is not null;
    create index operator_audit_call on operator_audit (at, seq) where answers is null;
    create index operator_audit_note on operator_audit (path, seq) where method = 'NOTE';
    ${appendOnlySql('operator_audit')}

    -- SHA-256 of the row as JSON without its own hash and without nulls, so that adding a column changes no hash; times in UTC
    create function operator_audit_hash(r operator_audit) returns text language sql stable
    set timezone = 'UTC' set search_path = pg_catalog, public, pg_temp as $hash$
      select encode(sha256(convert_to(jsonb_strip_nulls(to_jsonb(r) - 'hash')::text, 'UTF8')), 'hex')
    $hash$;

    create function operator_audit_link() returns trigger language plpgsql security definer
    set search_path = pg_catalog, public, pg_temp as $link$
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
    end $link$;
    create trigger operator_audit_link before insert on operator_audit for each row execute function operator_audit_link();

    revoke update, delete, truncate, references, trigger on operator_audit from public, ${role};
    revoke execute on function operator_audit_link() from public;
    grant execute on function operator_audit_hash(operator_audit) to ${role};
  `;
}
