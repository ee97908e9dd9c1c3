import { defineMigration } from '#libs/postgres';

/**
 * The only ways into the vault. They run as its owner, so that the service holds no right on its tables and no SQL of the
 * service, however wrong, can list people. Locks are always taken in the order contact points, person, contact rows.
 *
 * A contact point is passed as {"id","key","enc","hashes":[{"v","h"},…],"lock"}: the id and ciphertext to store if it is
 * new, the hashes it may be known by (the one to store first), and what concurrent calls about it lock.
 */
export const vaultFunctions = defineMigration({
  id: '0003',
  name: 'vault functions',
  up: `
    create function vault.find_contact(p_kind text, p_contact jsonb) returns vault.contact_point
    language sql stable set search_path = '' as $$
      select c.* from pg_catalog.jsonb_array_elements(p_contact->'hashes') x
        join vault.contact_point c
          on c.kind = p_kind and c.h_v = (x->>'v')::smallint and c.h = pg_catalog.decode(x->>'h', 'hex')
       limit 1
    $$;

    -- Writes one row whether or not the contact point was there: neither the answer nor its time tells which.
    create function vault.keep_contact(p_kind text, p_contact jsonb, p_known uuid, p_person uuid, p_at timestamptz) returns uuid
    language plpgsql set search_path = '' as $$
    declare v_id uuid;
    begin
      if p_known is not null then
        update vault.contact_point set seen_at = p_at where contact_id = p_known returning contact_id into v_id;
        if v_id is not null then return v_id; end if;
      end if;
      insert into vault.contact_point as c (contact_id, person_id, kind, value_enc, key_v, h_v, h, seen_at)
      values ((p_contact->>'id')::uuid, p_person, p_kind, decode(p_contact->>'enc', 'base64'), (p_contact->>'key')::smallint,
              (p_contact->'hashes'->0->>'v')::smallint, decode(p_contact->'hashes'->0->>'h', 'hex'), p_at)
      on conflict on constraint contact_point_hash do update set seen_at = p_at
      returning c.contact_id into v_id;
      return v_id;
    end $$;

    -- Finds or makes the person whom a brand contributes, keeps the contact points and the binding.
    -- known_ref is set, and nothing written, when a contact point already belongs to a member of this very brand.
    create function vault.admit(
      p_brand text, p_phone jsonb, p_email jsonb, p_person uuid, p_wallet uuid, p_binding uuid, p_evidence uuid, p_at timestamptz,
      out known_ref text, out known_external_id text, out person_id uuid, out wallet_id uuid,
      out phone_id uuid, out email_id uuid, out contributor text, out bound_since timestamptz)
    language plpgsql security definer set search_path = '' as $$
    #variable_conflict use_column
    declare
      v_phone vault.contact_point;
      v_email vault.contact_point;
      v_candidate uuid;
    begin
      if p_phone is not null then perform pg_advisory_xact_lock((p_phone->>'lock')::bigint); end if;
      if p_email is not null then perform pg_advisory_xact_lock((p_email->>'lock')::bigint); end if;
      if p_phone is not null then v_phone := vault.find_contact('phone', p_phone); end if;
      if p_email is not null then v_email := vault.find_contact('email', p_email); end if;

      -- a brand's own duplicates, judged by what the brand itself sent and by nothing else
      select l.member_ref, l.external_id into known_ref, known_external_id
        from public.member_link l
       where l.brand = p_brand and l.status = 'active'
         and (l.phone_id = v_phone.contact_id
              or (l.email_id = v_email.contact_id and (p_phone is null or l.phone_id is null)))
       limit 1;
      if known_ref is not null then return; end if;

      -- the phone decides before the e-mail; someone already linked here is another member in the brand's eyes and stays so
      v_candidate := coalesce(v_phone.person_id, v_email.person_id);
      if exists (select from public.member_link l
                  where l.brand = p_brand and l.person_id = v_candidate and l.status = 'active') then
        v_candidate := null;
      end if;

      insert into vault.person as p (person_id, wallet_id, status, created_at, seen_at)
      values (coalesce(v_candidate, p_person), p_wallet, 'active', p_at, p_at)
      on conflict on constraint person_pkey do update set status = 'active', seen_at = p_at
      returning p.person_id, p.wallet_id into admit.person_id, admit.wallet_id;

      if p_phone is not null then
        phone_id := vault.keep_contact('phone', p_phone, v_phone.contact_id, admit.person_id, p_at);
      end if;
      if p_email is not null then
        email_id := vault.keep_contact('email', p_email, v_email.contact_id, admit.person_id, p_at);
      end if;

      insert into vault.binding as b (binding_id, person_id, contributor_brand, since, basis, evidence_event_id, seen_at)
      values (p_binding, admit.person_id, p_brand, p_at, 'join_pool', p_evidence, p_at)
      on conflict (person_id) where until is null do update set seen_at = p_at
      returning b.contributor_brand, b.since into contributor, bound_since;
    end $$;

    -- A new contact point of a known person. Stays with its owner when it has one: people are never merged.
    create function vault.attach(p_kind text, p_contact jsonb, p_person uuid, p_at timestamptz) returns uuid
    language plpgsql security definer set search_path = '' as $$
    declare v_known vault.contact_point;
    begin
      perform pg_advisory_xact_lock((p_contact->>'lock')::bigint);
      v_known := vault.find_contact(p_kind, p_contact);
      return vault.keep_contact(p_kind, p_contact, v_known.contact_id, p_person, p_at);
    end $$;

    -- Forgets a contact point of a person once no link uses it any more.
    create function vault.release(p_contact_id uuid, p_person uuid) returns void
    language plpgsql security definer set search_path = '' as $$
    begin
      -- a call that is about to use it holds this row; what it did is visible to the next statement
      perform from vault.contact_point where contact_id = p_contact_id and person_id = p_person for update;
      delete from vault.contact_point c
       where c.contact_id = p_contact_id and c.person_id = p_person
         and not exists (select from public.member_link l where l.status = 'active' and l.phone_id = c.contact_id)
         and not exists (select from public.member_link l where l.status = 'active' and l.email_id = c.contact_id);
    end $$;

    -- After a link of the person ended: with the last one go all contact points and the binding; the wallet is an orphan then.
    -- A contact point that another person's link was sent with passes to that person: it is still a living member's.
    create function vault.leave(p_person uuid, p_at timestamptz) returns boolean
    language plpgsql security definer set search_path = '' as $$
    begin
      perform from vault.person where person_id = p_person for update;
      if exists (select from public.member_link where person_id = p_person and status = 'active') then return false; end if;
      perform from vault.person p
        where p.person_id in (select l.person_id from vault.contact_point c
                                join public.member_link l on l.status = 'active' and c.contact_id in (l.phone_id, l.email_id)
                               where c.person_id = p_person)
        order by p.person_id for update;
      update vault.contact_point c set person_id = heir.person_id
        from (select distinct on (k.contact_id) k.contact_id, l.person_id
                from vault.contact_point k
                join public.member_link l on l.status = 'active' and k.contact_id in (l.phone_id, l.email_id)
               where k.person_id = p_person
               order by k.contact_id, l.created_at, l.member_ref) heir
       where heir.contact_id = c.contact_id;
      delete from vault.contact_point where person_id = p_person;
      update vault.binding set until = p_at where person_id = p_person and until is null;
      update vault.person set status = 'unlinked' where person_id = p_person;
      return true;
    end $$;

    -- Rotation: what is not yet under the current pepper and key, in order, so that a stopped run goes on.
    create function vault.contacts_to_rotate(p_h_v smallint, p_key_v smallint, p_after uuid, p_limit integer)
    returns table (contact_id uuid, kind text, value_enc bytea, key_v smallint)
    language sql stable security definer set search_path = '' as $$
      select c.contact_id, c.kind, c.value_enc, c.key_v from vault.contact_point c
       where (c.h_v <> p_h_v or c.key_v <> p_key_v) and c.contact_id > p_after
       order by c.contact_id limit p_limit
    $$;

    create function vault.rotate_contact(p_contact_id uuid, p_h_v smallint, p_h bytea, p_key_v smallint, p_enc bytea) returns boolean
    language sql security definer set search_path = '' as $$
      update vault.contact_point set h_v = p_h_v, h = p_h, key_v = p_key_v, value_enc = p_enc
       where contact_id = p_contact_id returning true
    $$;

    -- What must be zero, always.
    create function vault.audit() returns table (name text, measured bigint)
    language sql stable security definer set search_path = '' as $$
      select 'active links whose person is missing, unlinked or has another wallet', count(*)
        from public.member_link l left join vault.person p on p.person_id = l.person_id
       where l.status = 'active' and (p.person_id is null or p.status <> 'active' or p.wallet_id <> l.wallet_id)
      union all
      select 'active persons without exactly one open binding', count(*)
        from vault.person p
       where p.status = 'active'
         and (select count(*) from vault.binding b where b.person_id = p.person_id and b.until is null) <> 1
      union all
      select 'active persons without an active link', count(*)
        from vault.person p
       where p.status = 'active'
         and not exists (select from public.member_link l where l.person_id = p.person_id and l.status = 'active')
      union all
      select 'contact points of unlinked persons', count(*)
        from vault.contact_point c join vault.person p using (person_id) where p.status <> 'active'
      union all
      select 'contact hashes held twice', count(*)
        from (select from vault.contact_point group by kind, h_v, h having count(*) > 1) twice
      union all
      select 'persons linked twice to one brand', count(*)
        from (select from public.member_link where status = 'active' group by brand, person_id having count(*) > 1) twice
      union all
      select 'active links without a granted join_pool consent', count(*)
        from public.member_link l
       where l.status = 'active'
         and not coalesce((select e.granted from public.consent_event e
                            where e.member_ref = l.member_ref and e.purpose = 'join_pool'
                            order by e.at desc, e.event_id desc limit 1), false)
    $$;

    grant execute on function
      vault.admit(text, jsonb, jsonb, uuid, uuid, uuid, uuid, timestamptz),
      vault.attach(text, jsonb, uuid, timestamptz), vault.release(uuid, uuid), vault.leave(uuid, timestamptz),
      vault.contacts_to_rotate(smallint, smallint, uuid, integer),
      vault.rotate_contact(uuid, smallint, bytea, smallint, bytea), vault.audit()
    to hezong_crm;
  `,
});
