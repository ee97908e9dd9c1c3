import { defineMigration } from '#libs/postgres';

/**
 * Contributions, many in one call: what waited while the last call was under way goes together, so that statements and the
 * commit are paid once for all. Runs with the rights of the service: each item sees and writes the rows of its own brand alone, and
 * people only through the vault's function. The caller passes the locks of all contact points in one order.
 */
export const contributeFunction = defineMigration({
  id: '0004',
  name: 'contribute in batches',
  up: `
    -- Whole instead of partial: planned while the table is empty, a look-up by one of these and a scan of any partial index of the
    -- active links cost the same, and a session keeps the plan it made. A whole index is considered only for its own column.
    drop index member_link_of_person;
    drop index member_link_phone;
    drop index member_link_email;
    create index member_link_of_person on member_link (person_id);
    create index member_link_phone on member_link (phone_id);
    create index member_link_email on member_link (email_id);

    -- By one hash after the other: each is a look-up in the unique index, whatever the planner believes of the table.
    create or replace function vault.find_contact(p_kind text, p_contact jsonb) returns vault.contact_point
    language plpgsql stable set search_path = '' as $$
    declare
      v_hash jsonb;
      v_found vault.contact_point;
    begin
      for v_hash in select x from pg_catalog.jsonb_array_elements(p_contact->'hashes') x loop
        select c.* into v_found from vault.contact_point c
         where c.kind = p_kind and c.h_v = (v_hash->>'v')::smallint and c.h = pg_catalog.decode(v_hash->>'h', 'hex');
        if found then return v_found; end if;
      end loop;
      return null;
    end $$;

    -- As before, but the caller holds the locks of the contact points, and every look-up has one index only that fits: a brand's
    -- members are many, so its name and the status are compared in a way that no index answers.
    create or replace function vault.admit(
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
      if p_phone is not null then v_phone := vault.find_contact('phone', p_phone); end if;
      if p_email is not null then v_email := vault.find_contact('email', p_email); end if;

      -- a brand's own duplicates, judged by what the brand itself sent and by nothing else
      select l.member_ref, l.external_id into known_ref, known_external_id
        from public.member_link l
       where l.phone_id = v_phone.contact_id and l.ended_at is null and l.brand is not distinct from p_brand
       limit 1;
      if known_ref is not null then return; end if;
      select l.member_ref, l.external_id into known_ref, known_external_id
        from public.member_link l
       where l.email_id = v_email.contact_id and l.ended_at is null and l.brand is not distinct from p_brand
         and (p_phone is null or l.phone_id is null)
       limit 1;
      if known_ref is not null then return; end if;

      -- the phone decides before the e-mail; someone already linked here is another member in the brand's eyes and stays so
      v_candidate := coalesce(v_phone.person_id, v_email.person_id);
      if exists (select from public.member_link l
                  where l.person_id = v_candidate and l.ended_at is null and l.brand is not distinct from p_brand) then
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

    -- outcome: made | repeated | conflict | duplicate (then member_ref, external_id are the other member's). A twin of an item
    -- that was faster elsewhere fails the whole call with HZ001. Every statement in it is a look-up by key, so a plan that was made
    -- while the tables were small must not be a scan that outlives that.
    create function contribute(p_locks bigint[], p_items jsonb, p_at timestamptz)
    returns table (n integer, outcome text, member_ref text, external_id text, wallet_id uuid, created_at timestamptz,
                   contributor text, bound_since timestamptz)
    language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
    #variable_conflict use_column
    declare
      v_context text := current_setting('hezong.brand', true);
      v_set text;
      v record;
      v_earlier record;
      v_admitted record;
    begin
      perform pg_advisory_xact_lock(k) from unnest(p_locks) k;
      for v in
        select * from jsonb_to_recordset(p_items) as i (
          n integer, brand text, external_id text, join_at timestamptz, hashes jsonb, content_v smallint, content_h bytea,
          member_ref text, person_id uuid, wallet_id uuid, binding_id uuid, evidence_id uuid, phone jsonb, email jsonb,
          attributes jsonb, consents jsonb)
      loop
        v_set := set_config('hezong.brand', v.brand, true);
        n := v.n;

        -- the id is the brand's for ever, with one way to use it again: who left comes back with a consent given since
        select l.member_ref, l.created_at, l.ended_at, l.content_v, l.content_h into v_earlier
          from member_link l
         where l.brand = v.brand and l.external_id = v.external_id
         order by l.created_at desc, l.ended_at desc nulls first limit 1;
        if found then
          if decode(v.hashes->>v_earlier.content_v::text, 'hex') = v_earlier.content_h then
            outcome := 'repeated'; member_ref := v_earlier.member_ref; external_id := v.external_id;
            created_at := v_earlier.created_at;
            return next;
            continue;
          elsif v_earlier.ended_at is null or v.join_at < v_earlier.ended_at then
            outcome := 'conflict';
            return next;
            continue;
          end if;
        end if;

        select * into v_admitted
          from vault.admit(v.brand, v.phone, v.email, v.person_id, v.wallet_id, v.binding_id, v.evidence_id, p_at);
        if v_admitted.known_ref is not null then
          if v_admitted.known_external_id = v.external_id then
            raise exception 'another call made this member first' using errcode = 'HZ001';
          end if;
          outcome := 'duplicate'; member_ref := v_admitted.known_ref; external_id := v_admitted.known_external_id;
          return next;
          continue;
        end if;

        insert into member_link (member_ref, brand, external_id, person_id, wallet_id, status, version, phone_id, email_id,
                                 attributes, content_v, content_h, created_at, updated_at)
        values (v.member_ref, v.brand, v.external_id, v_admitted.person_id, v_admitted.wallet_id, 'active', 1,
                v_admitted.phone_id, v_admitted.email_id, v.attributes, v.content_v, v.content_h, p_at, p_at)
        on conflict do nothing;
        if not found then raise exception 'another call made this member first' using errcode = 'HZ001'; end if;

        insert into consent_event (event_id, brand, member_ref, person_id, purpose, granted, policy_version, channel, at, recorded_at)
        select c.id, v.brand, v.member_ref, v_admitted.person_id, c.purpose, c.granted, c.policy_version, c.channel, c.at, p_at
          from jsonb_to_recordset(v.consents) as c (id uuid, purpose text, granted boolean, policy_version text, channel text, at timestamptz);

        outcome := 'made'; member_ref := v.member_ref; external_id := v.external_id; wallet_id := v_admitted.wallet_id;
        created_at := p_at; contributor := v_admitted.contributor; bound_since := v_admitted.bound_since;
        return next;
      end loop;
      v_set := set_config('hezong.brand', coalesce(v_context, ''), true);
    end $$;
    revoke all on function contribute(bigint[], jsonb, timestamptz) from public;
    grant execute on function contribute(bigint[], jsonb, timestamptz) to hezong_crm;
  `,
});
