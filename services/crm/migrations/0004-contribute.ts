import { defineMigration } from '#libs/postgres';

/**
 * Contributions, many in one call: those that waited during the last call go together, so statements and the commit are paid once
 * for all. Runs with the rights of the service: each item sees and writes only the rows of its own brand, and reaches persons only
 * through the vault's function. The caller passes the locks of all contact points in one fixed order.
 */
export const contributeFunction = defineMigration({
  id: '0004',
  name: 'contribute in batches',
  up: `
    -- outcome: made | repeated | conflict | erased | withdrawn | duplicate (then member_ref and external_id are those of the other
    -- member). If another call creates the same member first, the whole call fails with HZ001. Every statement in it is a look-up by
    -- key, so that no plan made while the tables were small is a scan later.
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
          n integer, brand text, external_id text, join_at timestamptz, keys jsonb, hashes jsonb, content_v smallint, content_h bytea,
          member_ref text, person_id uuid, wallet_id uuid, binding_id uuid, evidence_id uuid, phone jsonb, email jsonb,
          attributes jsonb, consents jsonb)
      loop
        v_set := set_config('hezong.brand', v.brand, true);
        n := v.n;

        select l.member_ref, l.created_at, l.content_v, l.content_h into v_earlier
          from member_link l
         where l.brand = v.brand and l.external_id = v.external_id and l.status = 'active';
        if found then
          if decode(v.hashes->>v_earlier.content_v::text, 'hex') = v_earlier.content_h then
            outcome := 'repeated'; member_ref := v_earlier.member_ref; external_id := v.external_id;
            created_at := v_earlier.created_at;
            return next;
            continue;
          end if;
          outcome := 'conflict';
          return next;
          continue;
        end if;

        -- The id belongs to the brand forever. It can be used again only for a member who left and has given consent since.
        if v.join_at <= vault.suppressed_until(v.brand, 'external_id', v.keys, false) then
          outcome := 'erased';
          return next;
          continue;
        end if;

        select * into v_admitted
          from vault.admit(v.brand, v.join_at, v.phone, v.email, v.person_id, v.wallet_id, v.binding_id, v.evidence_id, p_at);
        if v_admitted.known_ref is not null then
          if v_admitted.known_external_id = v.external_id then
            raise exception 'another call made this member first' using errcode = 'HZ001';
          end if;
          outcome := 'duplicate'; member_ref := v_admitted.known_ref; external_id := v_admitted.known_external_id;
          return next;
          continue;
        end if;

        if v_admitted.withdrawn then
          outcome := 'withdrawn';
          return next;
          continue;
        end if;

        insert into member_link (member_ref, brand, external_id, key_v, key_h, person_id, wallet_id, status, version, phone_id, email_id,
                                 phone_proven, email_proven, attributes, content_v, content_h, created_at, updated_at)
        values (v.member_ref, v.brand, v.external_id, (v.keys->0->>'v')::smallint, decode(v.keys->0->>'h', 'hex'), v_admitted.person_id, v_admitted.wallet_id, 'active', 1,
                v_admitted.phone_id, v_admitted.email_id, v.phone->'proof'->>'method' is not null,
                v.email->'proof'->>'method' is not null, v.attributes, v.content_v, v.content_h, p_at, p_at)
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
