-- Imports suppressions that were published earlier, and returns the active links that they end: those whose external id has an
-- earlier consent. There are such links only in a database restored to a time before someone left.
create function vault.suppress(p_told jsonb) returns table(member_ref text, since timestamptz)
language plpgsql security definer set search_path = '' set enable_seqscan = 'off' as $$
#variable_conflict use_column
begin
  return query
    with told as materialized (
      select t.brand, t.kind, t.h_v, pg_catalog.decode(t.h, 'hex') as h, max(t.since) as since, bool_and(t.had_phone) as had_phone,
             max(t.recorded_at) as recorded_at
        from jsonb_to_recordset(p_told) as t (
          brand text, kind text, h_v smallint, h text, since timestamptz, had_phone boolean, recorded_at timestamptz)
       group by 1, 2, 3, 4),
    kept as (
      insert into vault.suppression as s (brand, kind, h_v, h, since, had_phone, recorded_at)
      select * from told order by brand, kind, h_v, h
      on conflict (brand, kind, h_v, h) do update
        set since = greatest(s.since, excluded.since), had_phone = s.had_phone and excluded.had_phone,
            recorded_at = greatest(s.recorded_at, excluded.recorded_at)
        where s.since < excluded.since or (s.had_phone and not excluded.had_phone))
    select l.member_ref, t.since
      from told t join public.member_link l on l.key_h = t.h
     where t.kind = 'external_id' and l.key_v = t.h_v and l.brand is not distinct from t.brand and l.ended_at is null
       and t.since >= (select max(e.at) from public.consent_event e
                        where e.member_ref = l.member_ref and e.purpose = 'join_pool' and e.granted)
     order by l.member_ref;
end $$;

grant execute on function vault.suppress(jsonb) to hezong_crm;
