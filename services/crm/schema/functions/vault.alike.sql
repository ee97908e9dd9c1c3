-- All proven rows of the contact point of a proven row; none for an unproven row.
create function vault.alike(p_contact_id uuid) returns uuid[]
language plpgsql stable set search_path = '' as $$
declare v_held uuid;
begin
  select coalesce(c.behind, c.contact_id) into v_held from vault.contact_point c
   where c.contact_id = p_contact_id and c.proven_at is not null;
  if v_held is null then return '{}'; end if;
  return v_held || array(select c.contact_id from vault.contact_point c where c.behind = v_held);
end $$;
