-- The same for a phone and an e-mail address: the later of both.
create function vault.withdrawn_until(
  p_brand text, p_has_phone boolean, p_phone jsonb, p_email jsonb
) returns timestamptz
language sql stable security definer set search_path = '' as $$
select greatest(vault.suppressed_until(p_brand, 'phone', p_phone->'hashes', p_has_phone),
                vault.suppressed_until(p_brand, 'email', p_email->'hashes', p_has_phone))
$$;

grant execute on function vault.withdrawn_until(text, boolean, jsonb, jsonb) to hezong_crm;
