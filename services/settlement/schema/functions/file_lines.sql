-- Issued statements cannot gain a line, whatever the service does. A party is created by its first line.
create function file_lines() returns trigger
language plpgsql as $$
declare
  sealed text;
begin
  select t.cycle into sealed
    from (select distinct cycle from added) t left join cycle c on c.id = t.cycle
    where c.id is null or c.status not in ('open', 'cut_off')
    limit 1;
  if found then
    raise exception 'cycle % takes no more lines', sealed using errcode = 'restrict_violation';
  end if;
  insert into party (id, kind)
    select p.id, split_part(p.id, ':', 1)
      from (select distinct unnest(array[payer, payee, issuer, redeemer]) as id from added) p
     where p.id is not null and not exists (select from party known where known.id = p.id)
     order by p.id on conflict do nothing;
  return null;
end $$;
