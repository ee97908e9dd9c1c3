import { defineMigration } from '#libs/postgres';

/**
 * The only access to the vault. The functions run as its owner, so the service has no right on its tables, and no SQL of the
 * service, however wrong, can list persons. Locks are always taken in the order contact points, person, contact rows.
 * A contact point is passed as {"id","key","enc","hashes":[{"v","h"},…],"lock","proof":{"method","at"}|null}: the id and
 * ciphertext to store if it is new, the hashes it may be stored under (first the one to store), the lock of concurrent calls about
 * it, and its proof. Every row belongs to the person whose links were sent with it. Of the proven rows of one contact point, one
 * is held: it identifies the person. The others wait behind it.
 */
export const vaultFunctions = defineMigration({
  id: '0003',
  name: 'vault functions',
  up: `
    -- The row by which a proven contact point finds its person. It tries one hash after the other, so that each is a look-up in the
    -- unique index, whatever the table's statistics say.
    create function vault.find_held(p_kind text, p_contact jsonb) returns vault.contact_point
    language plpgsql stable set search_path = '' as $$
    declare
      v_hash jsonb;
      v_found vault.contact_point;
    begin
      if p_contact->'proof'->>'method' is null then return null; end if;
      for v_hash in select x from pg_catalog.jsonb_array_elements(p_contact->'hashes') x loop
        select c.* into v_found from vault.contact_point c
         where c.kind = p_kind and c.h_v = (v_hash->>'v')::smallint and c.h = pg_catalog.decode(v_hash->>'h', 'hex')
           and c.proven_at is not null and c.behind is null;
        if found then return v_found; end if;
      end loop;
      return null;
    end $$;

    -- Writes one row of the person whether or not one existed, so neither the answer nor its duration reveals that. The caller holds
    -- the lock of the contact point.
    create function vault.keep_contact(p_kind text, p_contact jsonb, p_person uuid, p_at timestamptz) returns uuid
    language plpgsql set search_path = '' as $$
    declare
      v_method text := p_contact->'proof'->>'method';
      v_proven timestamptz := (p_contact->'proof'->>'at')::timestamptz;
      v_held uuid;
      v_id uuid;
    begin
      -- A member who leaves meanwhile takes no lock on contact points: the row of the other person must stay until this row refers to
      -- it.
      loop
        v_held := (vault.find_held(p_kind, p_contact)).contact_id;
        exit when v_held is null;
        perform from vault.contact_point where contact_id = v_held and behind is null for key share;
        exit when found;
      end loop;
      update vault.contact_point c
         set seen_at = p_at,
             proven_at = coalesce(c.proven_at, v_proven),
             method = coalesce(c.method, v_method),
             behind = case when c.proven_at is null and v_method is not null then v_held else c.behind end
       where c.person_id = p_person and c.kind = p_kind
         and exists (select from jsonb_array_elements(p_contact->'hashes') x
                      where c.h_v = (x->>'v')::smallint and c.h = decode(x->>'h', 'hex'))
      returning c.contact_id into v_id;
      if v_id is not null then return v_id; end if;
      insert into vault.contact_point (contact_id, person_id, kind, value_enc, key_v, proven_at, method, behind, h_v, h, seen_at)
      values ((p_contact->>'id')::uuid, p_person, p_kind, decode(p_contact->>'enc', 'base64'), (p_contact->>'key')::smallint,
              v_proven, v_method, v_held,
              (p_contact->'hashes'->0->>'v')::smallint, decode(p_contact->'hashes'->0->>'h', 'hex'), p_at)
      returning contact_id into v_id;
      return v_id;
    end $$;

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

    -- Another active member of a brand for whom the brand has proven the same contact point; the phone distinguishes persons. It
    -- depends only on what the brand itself sent. For each look-up exactly one index fits: a brand has many members, so the brand and
    -- the status are compared in a form that no index supports.
    create function vault.duplicate_of(
      p_brand text, p_but text, p_has_phone boolean, p_phone_id uuid, p_email_id uuid, out member_ref text, out external_id text)
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

    -- Finds or creates the person whom a brand contributes, and stores the contact points and the binding. The caller holds the locks
    -- of the contact points. It writes nothing if a contact point already belongs to a member of this brand (known_ref), or was
    -- withdrawn there after the consent was given (withdrawn).
    create function vault.admit(
      p_brand text, p_join_at timestamptz, p_phone jsonb, p_email jsonb, p_person uuid, p_wallet uuid, p_binding uuid,
      p_evidence uuid, p_at timestamptz,
      out known_ref text, out known_external_id text, out withdrawn boolean, out person_id uuid, out wallet_id uuid,
      out phone_id uuid, out email_id uuid, out contributor text, out bound_since timestamptz)
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

    -- Adds a contact point to a known person. One that another person holds stays with that person: persons are never merged.
    create function vault.attach(p_kind text, p_contact jsonb, p_person uuid, p_at timestamptz) returns uuid
    language plpgsql security definer set search_path = '' as $$
    begin
      perform pg_advisory_xact_lock((p_contact->>'lock')::bigint);
      return vault.keep_contact(p_kind, p_contact, p_person, p_at);
    end $$;

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

    -- Consents given up to this instant no longer admit these hashes to a brand; null if none is suppressed.
    create function vault.suppressed_until(p_brand text, p_kind text, p_hashes jsonb, p_has_phone boolean) returns timestamptz
    language plpgsql stable security definer set search_path = '' as $$
    declare
      v_hash jsonb;
      v_since timestamptz;
      v_until timestamptz;
    begin
      for v_hash in select x from pg_catalog.jsonb_array_elements(p_hashes) x loop
        select s.since into v_since from vault.suppression s
         where s.brand = p_brand and s.kind = p_kind and s.h_v = (v_hash->>'v')::smallint
           and s.h = pg_catalog.decode(v_hash->>'h', 'hex') and not (s.kind = 'email' and s.had_phone and p_has_phone);
        v_until := greatest(v_until, v_since);
      end loop;
      return v_until;
    end $$;

    -- The same for a phone and an e-mail address: the later of both.
    create function vault.withdrawn_until(p_brand text, p_has_phone boolean, p_phone jsonb, p_email jsonb) returns timestamptz
    language sql stable security definer set search_path = '' as $$
      select greatest(vault.suppressed_until(p_brand, 'phone', p_phone->'hashes', p_has_phone),
                      vault.suppressed_until(p_brand, 'email', p_email->'hashes', p_has_phone))
    $$;

    -- Called after a link of the person ended. Everything that the brand ever sent for the member is suppressed there from p_since on,
    -- and forgotten unless another link uses it. With the last link all contact points and the binding are removed, and the wallet
    -- becomes an orphan. Returns what is now suppressed.
    create function vault.leave(
      p_person uuid, p_brand text, p_member_ref text, p_phone_id uuid, p_email_id uuid, p_since timestamptz, p_at timestamptz)
    returns table (kind text, h_v smallint, h bytea, since timestamptz, had_phone boolean)
    language plpgsql security definer set search_path = '' as $$
    #variable_conflict use_column
    declare v_contact uuid;
    begin
      perform from vault.person where person_id = p_person for update;
      return query
        insert into vault.suppression as s (brand, kind, h_v, h, since, had_phone, recorded_at)
        select p_brand, x.kind, x.h_v, x.h, p_since, bool_and(x.had_phone), p_at
          from (select c.kind, c.h_v, c.h, p_phone_id is not null as had_phone from vault.contact_point c
                 where c.contact_id in (p_phone_id, p_email_id) and c.person_id = p_person
                union all
                select f.kind, f.h_v, f.h, f.had_phone from vault.former_contact f where f.member_ref = p_member_ref
                union all
                select 'external_id', l.key_v, l.key_h, p_phone_id is not null
                  from public.member_link l where l.member_ref = p_member_ref) x
         group by x.kind, x.h_v, x.h
         order by x.kind, x.h_v, x.h
        on conflict (brand, kind, h_v, h) do update
          set since = greatest(s.since, excluded.since), had_phone = s.had_phone and excluded.had_phone, recorded_at = excluded.recorded_at
        returning s.kind, s.h_v, s.h, s.since, s.had_phone;
      delete from vault.former_contact where member_ref = p_member_ref;
      if exists (select from public.member_link where person_id = p_person and status = 'active') then
        if p_phone_id is not null then perform vault.release(p_phone_id, p_person); end if;
        if p_email_id is not null then perform vault.release(p_email_id, p_person); end if;
        return;
      end if;
      for v_contact in select c.contact_id from vault.contact_point c where c.person_id = p_person order by c.contact_id loop
        perform vault.forget(v_contact);
      end loop;
      update vault.binding set until = p_at where person_id = p_person and until is null;
      update vault.person set status = 'unlinked' where person_id = p_person;
    end $$;

    -- Imports suppressions that were published earlier, and returns the active links that they end: those whose external id has an
    -- earlier consent. There are such links only in a database restored to a time before someone left.
    create function vault.suppress(p_told jsonb) returns table (member_ref text, since timestamptz)
    language plpgsql security definer set search_path = '' set enable_seqscan = off as $$
    #variable_conflict use_column
    begin
      return query
        with told as materialized (
          select t.brand, t.kind, t.h_v, pg_catalog.decode(t.h, 'hex') as h, max(t.since) as since, bool_and(t.had_phone) as had_phone,
                 max(t.recorded_at) as recorded_at
            from jsonb_to_recordset(p_told) as t (
              brand text, kind text, h_v smallint, h text, since timestamptz, had_phone boolean, recorded_at timestamptz)
           group by 1, 2, 3, 4),
        kept as (
          insert into vault.suppression as s (brand, kind, h_v, h, since, had_phone, recorded_at)
          select * from told order by brand, kind, h_v, h
          on conflict (brand, kind, h_v, h) do update
            set since = greatest(s.since, excluded.since), had_phone = s.had_phone and excluded.had_phone,
                recorded_at = greatest(s.recorded_at, excluded.recorded_at)
            where s.since < excluded.since or (s.had_phone and not excluded.had_phone))
        select l.member_ref, t.since
          from told t join public.member_link l on l.key_h = t.h
         where t.kind = 'external_id' and l.key_v = t.h_v and l.brand is not distinct from t.brand and l.ended_at is null
           and t.since >= (select max(e.at) from public.consent_event e
                            where e.member_ref = l.member_ref and e.purpose = 'join_pool' and e.granted)
         order by l.member_ref;
    end $$;

    -- Number of suppressions, and of hashes that become suppressions when a member leaves, under none of these peppers. They cannot be
    -- found.
    create function vault.suppressions_lost(p_versions smallint[]) returns bigint
    language sql stable security definer set search_path = '' as $$
      select (select count(*) from vault.suppression where h_v <> all (p_versions))
           + (select count(*) from vault.former_contact where h_v <> all (p_versions))
    $$;

    -- Key rotation: contact points not yet under the current pepper and key, in order, so that an interrupted run can continue. A
    -- sealed value leaves the vault only to be sealed again, and only for a role that the running service does not have.
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

    -- Checks whose result must always be zero.
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
      select 'contact points behind one that is not held', count(*)
        from vault.contact_point c join vault.contact_point held on held.contact_id = c.behind
       where held.behind is not null or held.proven_at is null or held.kind <> c.kind or held.person_id = c.person_id
      union all
      select 'contact points that their person has no link with', count(*)
        from vault.contact_point c
       where not exists (select from public.member_link l
                          where l.person_id = c.person_id and l.status = 'active' and c.contact_id in (l.phone_id, l.email_id))
      union all
      select 'active links with a contact point that is not their person''s', count(*)
        from public.member_link l cross join lateral (values (l.phone_id, 'phone'), (l.email_id, 'email')) as of_link (id, kind)
       where l.status = 'active' and of_link.id is not null
         and not exists (select from vault.contact_point c
                          where c.contact_id = of_link.id and c.person_id = l.person_id and c.kind = of_link.kind)
      union all
      select 'former contact points of no active link', count(*)
        from vault.former_contact f
       where not exists (select from public.member_link l where l.member_ref = f.member_ref and l.status = 'active')
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
      vault.admit(text, timestamptz, jsonb, jsonb, uuid, uuid, uuid, uuid, timestamptz),
      vault.attach(text, jsonb, uuid, timestamptz), vault.duplicate_of(text, text, boolean, uuid, uuid),
      vault.suppressed_until(text, text, jsonb, boolean), vault.withdrawn_until(text, boolean, jsonb, jsonb),
      vault.replaced(text, uuid, uuid, boolean), vault.leave(uuid, text, text, uuid, uuid, timestamptz, timestamptz), vault.suppress(jsonb),
      vault.suppressions_lost(smallint[]), vault.audit()
    to hezong_crm;

    grant usage on schema vault to hezong_crm_rotation;
    grant execute on function
      vault.contacts_to_rotate(smallint, smallint, uuid, integer),
      vault.rotate_contact(uuid, smallint, bytea, smallint, bytea)
    to hezong_crm_rotation;
  `,
});
