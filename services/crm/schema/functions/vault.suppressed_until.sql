-- Consents given up to this instant no longer admit these hashes to a brand; null if none is suppressed.
create function vault.suppressed_until(
  p_brand text, p_kind text, p_hashes jsonb, p_has_phone boolean
) returns timestamptz
language plpgsql stable security definer set search_path = '' as $$
declare
  v_hash jsonb;
  v_since timestamptz;
  v_until timestamptz;
begin
  for v_hash in select x from pg_catalog.jsonb_array_elements(p_hashes) x loop
    select s.since into v_since from vault.suppression s
     where s.brand = p_brand and s.kind = p_kind and s.h_v = (v_hash->>'v')::smallint
       and s.h = pg_catalog.decode(v_hash->>'h', 'hex') and not (s.kind = 'email' and s.had_phone and p_has_phone);
    v_until := greatest(v_until, v_since);
  end loop;
  return v_until;
end $$;

grant execute on function vault.suppressed_until(text, text, jsonb, boolean) to hezong_crm;
