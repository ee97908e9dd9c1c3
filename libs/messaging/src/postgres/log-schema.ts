/**
 * Log of the postgres transport, in its own database. Offsets of a partition are gapless and are assigned under the lock of the
 * partition's row, held until the commit: the visible records are complete up to their highest offset.
 */
export const LOG_SCHEMA = `
create table if not exists log_topic (
  topic          text primary key,
  partitions     integer not null check (partitions > 0),
  compacted      boolean not null default false,
  retention_days integer,
  -- days for which a compacted topic keeps the tombstone of a key
  tombstone_days integer not null default 1
);

create table if not exists log_partition (
  topic       text not null references log_topic,
  "partition" integer not null,
  -- offset of the oldest record that retention has not removed
  first_offset bigint not null default 0,
  next_offset bigint not null default 0,
  -- below this offset a compacted topic keeps only the newest record of each key
  compact_to  bigint not null default 0,
  primary key (topic, "partition")
);

create table if not exists log_record (
  topic       text not null,
  "partition" integer not null,
  "offset"    bigint not null,
  key         text not null,
  -- JSON that the log does not read
  headers     text not null,
  -- null: a tombstone, which ends its key
  body        bytea,
  appended_at timestamptz not null default clock_timestamp(),
  compacted   boolean not null default false,
  primary key (topic, "partition", "offset")
);
create index if not exists log_record_newest on log_record (topic, "partition", key, "offset") where compacted;

create index if not exists log_record_tombstone on log_record (topic, "partition", appended_at) where body is null;

create table if not exists log_group (
  consumer_group text primary key
);

-- A member is alive until its lease ends.
create table if not exists log_member (
  consumer_group text not null references log_group,
  member         uuid not null,
  topics         text[] not null,
  lease_until    timestamptz not null,
  primary key (consumer_group, member)
);

-- Progress of a group on a partition. The epoch grows with every change of owner; a commit with an older epoch is refused.
create table if not exists log_progress (
  consumer_group text not null references log_group,
  topic          text not null,
  "partition"    integer not null,
  committed      bigint not null default 0,
  owner          uuid,
  epoch          bigint not null default 0,
  primary key (consumer_group, topic, "partition")
);

create or replace function log_append(topics text[], partitions integer[], keys text[], headers text[], bodies bytea[])
returns void language plpgsql as $$
declare
  wanted integer;
  found_partitions integer;
begin
  -- in a fixed order, so that two writers wait for each other instead of deadlocking
  perform from log_partition p
  where (p.topic, p."partition") in (select * from unnest(topics, partitions))
  order by p.topic, p."partition" for update;
  with e as materialized (
    select * from unnest(topics, partitions, keys, headers, bodies) with ordinality as e (topic, part, key, headers, body, position)
  ),
  spot as (select e.topic, e.part, count(*) as records from e group by e.topic, e.part),
  moved as (
    update log_partition p set next_offset = p.next_offset + s.records from spot s
    where p.topic = s.topic and p."partition" = s.part
    returning p.topic, p."partition" as part, p.next_offset - s.records as base,
              (select t.compacted from log_topic t where t.topic = p.topic) as compacted
  ),
  added as (
    insert into log_record (topic, "partition", "offset", key, headers, body, compacted)
    select e.topic, e.part, m.base + row_number() over (partition by e.topic, e.part order by e.position) - 1,
           e.key, e.headers, e.body, m.compacted
    from e join moved m on m.topic = e.topic and m.part = e.part
  )
  select (select count(*) from spot), (select count(*) from moved) into wanted, found_partitions;
  if wanted <> found_partitions then
    raise exception 'a topic is not declared' using errcode = 'undefined_object';
  end if;
  perform pg_notify('hezong_log', 'topic:' || t) from (select distinct unnest(topics) as t) as named;
end $$;

-- Stores the positions of those partitions that the member still owns, and returns these partitions. It does not wait for a flush:
-- after a crash of the server the group repeats a few records, which its inbox drops.
create or replace function log_commit(own_group text, own_member uuid, topics text[], partitions integer[], epochs bigint[], positions bigint[])
returns table (topic text, part integer) language plpgsql as $$
#variable_conflict use_column
begin
  perform set_config('synchronous_commit', 'off', true);
  return query
    update log_progress p set committed = d.position
    from unnest(topics, partitions, epochs, positions) as d (topic, part, epoch, position)
    where p.consumer_group = own_group and p.owner = own_member and p.topic = d.topic and p."partition" = d.part and p.epoch = d.epoch
    returning p.topic, p."partition";
end $$;

-- Renews a member's lease and moves the partitions one step towards a fair share: takes free partitions up to the member's share, and
-- names those that it must give up (keep = false) when it has finished its current work. A member that has gone loses its partitions
-- when its lease ends.
create or replace function log_heartbeat(own_group text, own_member uuid, own_topics text[], lease interval)
returns table (topic text, part integer, committed bigint, epoch bigint, keep boolean) language plpgsql as $$
#variable_conflict use_column
declare
  joined boolean;
  changed boolean;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into log_group values (own_group) on conflict do nothing;
  perform from log_group g where g.consumer_group = own_group for update;
  delete from log_member m where m.consumer_group = own_group and m.lease_until < clock_timestamp() and m.member <> own_member;
  changed := found;
  insert into log_member as m values (own_group, own_member, own_topics, clock_timestamp() + lease)
  on conflict (consumer_group, member) do update set lease_until = excluded.lease_until, topics = excluded.topics
  returning m.xmax = 0 into joined;
  insert into log_progress (consumer_group, topic, "partition")
  select own_group, p.topic, p."partition" from log_partition p where p.topic = any (own_topics)
  on conflict do nothing;
  update log_progress p set owner = null
  where p.consumer_group = own_group and p.owner is not null
    and not exists (select from log_member m where m.consumer_group = own_group and m.member = p.owner);
  changed := changed or found;
  return query
    with alive as (
      select m.member, t.topic, row_number() over (partition by t.topic order by m.member) - 1 as rank,
             count(*) over (partition by t.topic) as members
      from log_member m cross join unnest(m.topics) as t (topic)
      where m.consumer_group = own_group
    ),
    share as (
      select p.topic, p."partition" as part
      from log_partition p
      join alive a on a.topic = p.topic and a.member = own_member and (p."partition" % a.members) = a.rank
    ),
    taken as (
      update log_progress p set owner = own_member, epoch = p.epoch + 1
      from share s
      where p.consumer_group = own_group and p.topic = s.topic and p."partition" = s.part and p.owner is null
      returning p.topic, p."partition" as part, p.committed, p.epoch
    )
    select t.topic, t.part, t.committed, t.epoch, true from taken t
    union all
    select p.topic, p."partition", p.committed, p.epoch,
           exists (select from share s where s.topic = p.topic and s.part = p."partition")
    from log_progress p
    where p.consumer_group = own_group and p.owner = own_member;
  if joined or changed then
    perform pg_notify('hezong_log', 'group:' || own_group);
  end if;
end $$;

-- Removes some of the records that retention allows to remove, and returns their number. Expired records are at the head of their
-- partition. In a compacted topic the newest record of each key stays forever; each record is compared with later ones once, when it
-- is a day old. A tombstone is removed after its days, unless it is the last record of its partition: groups count their lag up to
-- that one.
create or replace function log_clean(most integer) returns integer language plpgsql as $$
declare
  at record;
  gone integer := 0;
  found_rows integer;
  -- offset up to which records are old enough, looking at no more records than may still be removed
  old bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('hezong.log.clean')) then
    return 0;
  end if;
  for at in
    select p.topic, p."partition" as part, t.compacted, case when t.compacted then p.compact_to else p.first_offset end as first,
           p.next_offset - 1 as last,
           clock_timestamp() - case when t.compacted then interval '1 day' else make_interval(days => t.retention_days) end as before,
           clock_timestamp() - make_interval(days => t.tombstone_days) as over
    from log_partition p join log_topic t on t.topic = p.topic where t.compacted or t.retention_days is not null
  loop
    exit when gone >= most;
    if at.compacted then
      -- below the mark no older record has the tombstone's key
      delete from log_record r where (r.topic, r."partition", r."offset") in (
        select l.topic, l."partition", l."offset" from log_record l
        where l.body is null and l.topic = at.topic and l."partition" = at.part and l.appended_at < at.over
          and l."offset" < at.first and l."offset" < at.last
        order by l.appended_at limit most - gone);
      get diagnostics found_rows = row_count;
      gone := gone + found_rows;
    end if;
    -- usually nothing is old enough; the first record shows it
    continue when coalesce((
      select r.appended_at >= at.before from log_record r
      where r.topic = at.topic and r."partition" = at.part and r."offset" >= at.first order by r."offset" limit 1), true);
    select max(l."offset") into old from (
      select r."offset", r.appended_at from log_record r
      where r.topic = at.topic and r."partition" = at.part and r."offset" >= at.first
      order by r."offset" limit most - gone) as l
    where l.appended_at < at.before;
    if at.compacted then
      -- records kept below the mark may have a newer record by now
      delete from log_record r using (
        select distinct l.key from log_record l
        where l.topic = at.topic and l."partition" = at.part and l."offset" between at.first and old) as k,
        lateral (select max(n."offset") as newest from log_record n
                 where n.compacted and n.topic = at.topic and n."partition" = at.part and n.key = k.key and n."offset" <= old) as n
      where r.compacted and r.topic = at.topic and r."partition" = at.part and r.key = k.key and r."offset" < n.newest;
      get diagnostics found_rows = row_count;
      update log_partition p set compact_to = old + 1 where p.topic = at.topic and p."partition" = at.part;
      gone := gone + greatest(found_rows, 1);
    else
      delete from log_record r
      where r.topic = at.topic and r."partition" = at.part and r."offset" between at.first and old and r.appended_at < at.before;
      get diagnostics found_rows = row_count;
      update log_partition p
      set first_offset = coalesce((
        select r."offset" from log_record r where r.topic = at.topic and r."partition" = at.part and r."offset" >= at.first
        order by r."offset" limit 1), p.next_offset)
      where p.topic = at.topic and p."partition" = at.part;
      gone := gone + found_rows;
    end if;
  end loop;
  return gone;
end $$;
`;
