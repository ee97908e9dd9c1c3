-- Forgets a contact point of a person when no link uses it any more.
create function vault.release(p_contact_id uuid, p_person uuid) returns void
language plpgsql set search_path = '' as $$
begin
  -- A call that is about to use it holds this row; the next statement sees what that call did.
  perform from vault.contact_point where contact_id = p_contact_id and person_id = p_person for update;
  if not found
     or exists (select from public.member_link l where l.phone_id = p_contact_id and l.ended_at is null)
     or exists (select from public.member_link l where l.email_id = p_contact_id and l.ended_at is null) then
    return;
  end if;
  perform vault.forget(p_contact_id);
end $$;
