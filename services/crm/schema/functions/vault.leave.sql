-- Called after a link of the person ended. Everything that the brand ever sent for the member is suppressed there from p_since on,
-- and forgotten unless another link uses it. With the last link all contact points and the binding are removed, and the wallet
-- becomes an orphan. Returns what is now suppressed.
create function vault.leave(
  p_person uuid, p_brand text, p_member_ref text, p_phone_id uuid, p_email_id uuid, p_since timestamptz,
  p_at timestamptz
) returns table(kind text, h_v smallint, h bytea, since timestamptz, had_phone boolean)
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

grant execute on function vault.leave(uuid, text, text, uuid, uuid, timestamptz, timestamptz) to hezong_crm;
