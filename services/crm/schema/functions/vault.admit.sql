-- Finds or creates the person whom a brand contributes, and stores the contact points and the binding. The caller holds the locks
-- of the contact points. It writes nothing if a contact point already belongs to a member of this brand (known_ref), or was
-- withdrawn there after the consent was given (withdrawn).
create function vault.admit(
  p_brand text, p_join_at timestamptz, p_phone jsonb, p_email jsonb, p_person uuid, p_wallet uuid, p_binding uuid,
  p_evidence uuid, p_at timestamptz, out known_ref text, out known_external_id text, out withdrawn boolean,
  out person_id uuid, out wallet_id uuid, out phone_id uuid, out email_id uuid, out contributor text,
  out bound_since timestamptz
)
language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_phone vault.contact_point;
  v_email vault.contact_point;
  v_candidate uuid;
begin
  if p_phone is not null then v_phone := vault.find_held('phone', p_phone); end if;
  if p_email is not null then v_email := vault.find_held('email', p_email); end if;

  select t.member_ref, t.external_id into known_ref, known_external_id
    from vault.duplicate_of(p_brand, null, p_phone is not null, v_phone.contact_id, v_email.contact_id) t;
  if known_ref is not null then return; end if;
  -- checked after the duplicates: a member who has just left is found here
  withdrawn := coalesce(p_join_at <= vault.withdrawn_until(p_brand, p_phone is not null, p_phone, p_email), false);
  if withdrawn then return; end if;

  -- The phone takes precedence over the e-mail. A person already linked here is another member to the brand and remains so.
  v_candidate := coalesce(v_phone.person_id, v_email.person_id);
  if exists (select from public.member_link l
              where l.person_id = v_candidate and l.ended_at is null and l.brand is not distinct from p_brand) then
    v_candidate := null;
  end if;

  insert into vault.person as p (person_id, wallet_id, status, created_at, seen_at)
  values (coalesce(v_candidate, p_person), p_wallet, 'active', p_at, p_at)
  on conflict on constraint person_pkey do update set status = 'active', seen_at = p_at
  returning p.person_id, p.wallet_id into admit.person_id, admit.wallet_id;

  if p_phone is not null then phone_id := vault.keep_contact('phone', p_phone, admit.person_id, p_at); end if;
  if p_email is not null then email_id := vault.keep_contact('email', p_email, admit.person_id, p_at); end if;

  insert into vault.binding as b (binding_id, person_id, contributor_brand, since, basis, evidence_event_id, seen_at)
  values (p_binding, admit.person_id, p_brand, p_at, 'join_pool', p_evidence, p_at)
  on conflict (person_id) where until is null do update set seen_at = p_at
  returning b.contributor_brand, b.since into contributor, bound_since;
end $$;

grant execute on function vault.admit(text, timestamptz, jsonb, jsonb, uuid, uuid, uuid, uuid, timestamptz)
  to hezong_crm;
