-- Another active member of a brand for whom the brand has proven the same contact point; the phone distinguishes persons. It
-- depends only on what the brand itself sent. For each look-up exactly one index fits: a brand has many members, so the brand and
-- the status are compared in a form that no index supports.
create function vault.duplicate_of(
  p_brand text, p_but text, p_has_phone boolean, p_phone_id uuid, p_email_id uuid, out member_ref text,
  out external_id text
)
language plpgsql stable security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_phones uuid[] := vault.alike(p_phone_id);
  v_emails uuid[] := vault.alike(p_email_id);
begin
  select l.member_ref, l.external_id into duplicate_of.member_ref, duplicate_of.external_id
    from public.member_link l
   where l.phone_id = any (v_phones) and l.phone_proven and l.ended_at is null and l.brand is not distinct from p_brand
     and l.member_ref is distinct from p_but
   limit 1;
  if found then return; end if;
  select l.member_ref, l.external_id into duplicate_of.member_ref, duplicate_of.external_id
    from public.member_link l
   where l.email_id = any (v_emails) and l.email_proven and l.ended_at is null and l.brand is not distinct from p_brand
     and l.member_ref is distinct from p_but and (not p_has_phone or l.phone_id is null)
   limit 1;
end $$;

grant execute on function vault.duplicate_of(text, text, boolean, uuid, uuid) to hezong_crm;
