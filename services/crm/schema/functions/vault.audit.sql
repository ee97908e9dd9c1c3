-- Checks whose result must always be zero.
create function vault.audit() returns table(name text, measured bigint)
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

grant execute on function vault.audit() to hezong_crm;
