-- The row by which a proven contact point finds its person. It tries one hash after the other, so that each is a look-up in the
-- unique index, whatever the table's statistics say.
create function vault.find_held(p_kind text, p_contact jsonb) returns vault.contact_point
language plpgsql stable set search_path = '' as $$
declare
  v_hash jsonb;
  v_found vault.contact_point;
begin
  if p_contact->'proof'->>'method' is null then return null; end if;
  for v_hash in select x from pg_catalog.jsonb_array_elements(p_contact->'hashes') x loop
    select c.* into v_found from vault.contact_point c
     where c.kind = p_kind and c.h_v = (v_hash->>'v')::smallint and c.h = pg_catalog.decode(v_hash->>'h', 'hex')
       and c.proven_at is not null and c.behind is null;
    if found then return v_found; end if;
  end loop;
  return null;
end $$;
