create function vault.rotate_contact(
  p_contact_id uuid, p_h_v smallint, p_h bytea, p_key_v smallint, p_enc bytea
) returns boolean
language sql security definer set search_path = '' as $$
update vault.contact_point set h_v = p_h_v, h = p_h, key_v = p_key_v, value_enc = p_enc
 where contact_id = p_contact_id returning true
$$;

grant execute on function vault.rotate_contact(uuid, smallint, bytea, smallint, bytea) to hezong_crm_rotation;
