-- Adds a contact point to a known person. One that another person holds stays with that person: persons are never merged.
create function vault.attach(p_kind text, p_contact jsonb, p_person uuid, p_at timestamptz) returns uuid
language plpgsql security definer set search_path = '' as $$
begin
  perform pg_advisory_xact_lock((p_contact->>'lock')::bigint);
  return vault.keep_contact(p_kind, p_contact, p_person, p_at);
end $$;

grant execute on function vault.attach(text, jsonb, uuid, timestamptz) to hezong_crm;
