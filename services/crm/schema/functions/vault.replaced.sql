-- Called after a brand sent another contact point for a member, or withdrew one. The former one is recorded as a hash, and
-- forgotten unless another link uses it.
create function vault.replaced(p_member_ref text, p_contact_id uuid, p_person uuid, p_had_phone boolean) returns void
language plpgsql security definer set search_path = '' as $$
begin
  insert into vault.former_contact as f (member_ref, kind, h_v, h, had_phone)
  select p_member_ref, c.kind, c.h_v, c.h, p_had_phone from vault.contact_point c
   where c.contact_id = p_contact_id and c.person_id = p_person
  on conflict (member_ref, kind, h_v, h) do update set had_phone = f.had_phone and excluded.had_phone;
  perform vault.release(p_contact_id, p_person);
end $$;

grant execute on function vault.replaced(text, uuid, uuid, boolean) to hezong_crm;
