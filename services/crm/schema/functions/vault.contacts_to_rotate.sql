-- Key rotation: contact points not yet under the current pepper and key, in order, so that an interrupted run can continue. A
-- sealed value leaves the vault only to be sealed again, and only for a role that the running service does not have.
create function vault.contacts_to_rotate(
  p_h_v smallint, p_key_v smallint, p_after uuid, p_limit integer
) returns table(contact_id uuid, kind text, value_enc bytea, key_v smallint)
language sql stable security definer set search_path = '' as $$
select c.contact_id, c.kind, c.value_enc, c.key_v from vault.contact_point c
 where (c.h_v <> p_h_v or c.key_v <> p_key_v) and c.contact_id > p_after
 order by c.contact_id limit p_limit
$$;

grant execute on function vault.contacts_to_rotate(smallint, smallint, uuid, integer) to hezong_crm_rotation;
