-- Deletes a contact point. If other persons have proven it too, the first of them holds it from now on.
create function vault.forget(p_contact_id uuid) returns void
language plpgsql set search_path = '' as $$
declare v_heir uuid;
begin
  delete from vault.contact_point where contact_id = p_contact_id;
  loop
    select c.contact_id into v_heir from vault.contact_point c
     where c.behind = p_contact_id order by c.proven_at, c.contact_id limit 1 for update;
    exit when found or not exists (select from vault.contact_point c where c.behind = p_contact_id);
  end loop;
  update vault.contact_point set behind = null where contact_id = v_heir;
  update vault.contact_point set behind = v_heir where behind = p_contact_id;
end $$;
