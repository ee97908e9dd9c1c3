-- Writes one row of the person whether or not one existed, so neither the answer nor its duration reveals that. The caller holds
-- the lock of the contact point.
create function vault.keep_contact(p_kind text, p_contact jsonb, p_person uuid, p_at timestamptz) returns uuid
language plpgsql set search_path = '' as $$
declare
  v_method text := p_contact->'proof'->>'method';
  v_proven timestamptz := (p_contact->'proof'->>'at')::timestamptz;
  v_held uuid;
  v_id uuid;
begin
  -- A member who leaves meanwhile takes no lock on contact points: the row of the other person must stay until this row refers to
  -- it.
  loop
    v_held := (vault.find_held(p_kind, p_contact)).contact_id;
    exit when v_held is null;
    perform from vault.contact_point where contact_id = v_held and behind is null for key share;
    exit when found;
  end loop;
  update vault.contact_point c
     set seen_at = p_at,
         proven_at = coalesce(c.proven_at, v_proven),
         method = coalesce(c.method, v_method),
         behind = case when c.proven_at is null and v_method is not null then v_held else c.behind end
   where c.person_id = p_person and c.kind = p_kind
     and exists (select from jsonb_array_elements(p_contact->'hashes') x
                  where c.h_v = (x->>'v')::smallint and c.h = decode(x->>'h', 'hex'))
  returning c.contact_id into v_id;
  if v_id is not null then return v_id; end if;
  insert into vault.contact_point (contact_id, person_id, kind, value_enc, key_v, proven_at, method, behind, h_v, h, seen_at)
  values ((p_contact->>'id')::uuid, p_person, p_kind, decode(p_contact->>'enc', 'base64'), (p_contact->>'key')::smallint,
          v_proven, v_method, v_held,
          (p_contact->'hashes'->0->>'v')::smallint, decode(p_contact->'hashes'->0->>'h', 'hex'), p_at)
  returning contact_id into v_id;
  return v_id;
end $$;
