-- The database of membership as its migrations leave it, without rows: written by `npm run gen:schema`, never by hand.
-- hezong_membership_owner owns everything; hezong_membership is the role of the running service. A function can be called only where
-- it is granted. As the owner, `psql -f schema.sql` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;

-- functions that tables and views are made with -----------------------------------------------------------------------

\ir functions/guard_ladder.sql
\ir functions/operator_audit_link.sql
\ir functions/refuse_change.sql

-- membership ----------------------------------------------------------------------------------------------------------

create table ladder (
  version integer primary key check (version > 0),
  name text not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  terms jsonb not null,
  created_by text not null,
  created_at timestamptz not null,
  constraint ladder_overlap exclude using gist (tstzrange(valid_from, valid_to) with &&),
  check (valid_to > valid_from)
);
create trigger ladder_guard before delete or update on ladder for each row execute function guard_ladder();
grant select, insert, update, delete on ladder to hezong_membership;

create table qualifying_order (
  order_id text primary key,
  wallet_id text not null,
  brand text not null,
  external_id text not null,
  occurred_at timestamptz not null,
  net bigint not null check (net >= 0)
);
create index qualifying_order_wallet on qualifying_order (wallet_id);
alter table qualifying_order enable row level security, force row level security;
create policy qualifying_order_brand on qualifying_order
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger qualifying_order_append_only before delete or update on qualifying_order for each row
  execute function refuse_change();
create trigger qualifying_order_no_truncate before truncate on qualifying_order for each statement
  execute function refuse_change();
grant select, insert, update, delete on qualifying_order to hezong_membership;

-- No foreign key: when partitions are replayed, an order may come after its return.
create table qualifying_return (
  return_id text primary key,
  order_id text not null,
  wallet_id text not null,
  brand text not null,
  at timestamptz not null,
  net bigint not null check (net >= 0)
);
create index qualifying_return_wallet on qualifying_return (wallet_id);
create index qualifying_return_order on qualifying_return (order_id);
alter table qualifying_return enable row level security, force row level security;
create policy qualifying_return_brand on qualifying_return
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger qualifying_return_append_only before delete or update on qualifying_return for each row
  execute function refuse_change();
create trigger qualifying_return_no_truncate before truncate on qualifying_return for each statement
  execute function refuse_change();
grant select, insert, update, delete on qualifying_return to hezong_membership;

create table tier_grant (
  grant_id text primary key,
  wallet_id text not null,
  member_ref text not null,
  source text not null check (source in ('match', 'manual')),
  rank smallint not null check (rank >= 1 and rank <= 3),
  from_at timestamptz not null,
  to_at timestamptz not null,
  reason text not null,
  proof text,
  made_by text not null,
  made_at timestamptz not null,
  approved_by text not null,
  check (to_at > from_at),
  constraint tier_grant_two_people check (approved_by <> made_by)
);
create index tier_grant_wallet on tier_grant (wallet_id);
create trigger tier_grant_append_only before delete or update on tier_grant for each row
  execute function refuse_change();
create trigger tier_grant_no_truncate before truncate on tier_grant for each statement execute function refuse_change();
grant select, insert, update, delete on tier_grant to hezong_membership;

create table tier_grant_end (
  grant_id text primary key references tier_grant(grant_id),
  by_whom text not null,
  at timestamptz not null,
  reason text not null
);
create trigger tier_grant_end_append_only before delete or update on tier_grant_end for each row
  execute function refuse_change();
create trigger tier_grant_end_no_truncate before truncate on tier_grant_end for each statement
  execute function refuse_change();
grant select, insert, update, delete on tier_grant_end to hezong_membership;

create table tier_map (
  map_id text primary key,
  brand text not null,
  brand_tier text not null,
  rank smallint not null check (rank >= 1 and rank <= 3),
  valid_from timestamptz not null,
  valid_to timestamptz,
  created_by text not null,
  created_at timestamptz not null,
  check (valid_to > valid_from)
);
create index tier_map_brand on tier_map (brand, brand_tier);
alter table tier_map enable row level security, force row level security;
create policy tier_map_brand on tier_map
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger tier_map_append_only before delete or update on tier_map for each row execute function refuse_change();
create trigger tier_map_no_truncate before truncate on tier_map for each statement execute function refuse_change();
grant select, insert, update, delete on tier_map to hezong_membership;

create table tier_report (
  brand text not null,
  wallet_id text not null,
  seq bigint not null generated always as identity,
  brand_tier text,
  at timestamptz not null,
  until timestamptz,
  primary key (wallet_id, brand, seq)
);
create index tier_report_tier on tier_report (brand, brand_tier);
alter table tier_report enable row level security, force row level security;
create policy tier_report_brand on tier_report
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger tier_report_append_only before delete or update on tier_report for each row
  execute function refuse_change();
create trigger tier_report_no_truncate before truncate on tier_report for each statement
  execute function refuse_change();
grant select, insert, update, delete on tier_report to hezong_membership;

create table standing (
  wallet_id text primary key,
  rank smallint not null default 0 check (rank >= 0 and rank <= 3),
  -- every published rank with its terms, oldest first
  steps json not null default '[]'::json,
  -- grows with each published rank
  version bigint not null default 0,
  -- the earned rank with its days as of evaluated_at; null: to be computed from the facts
  state text,
  -- number of the rules by which it was judged; when the rules change, rows with a lower number are judged again, batch by batch
  rules integer not null default 0,
  evaluated_at timestamptz,
  -- when the passage of time alone may next change it
  due_at timestamptz
);
create index standing_due on standing (due_at) where due_at is not null;
create index standing_rules on standing (rules);
grant select, insert, update, delete on standing to hezong_membership;

create table tier_decision (
  wallet_id text not null,
  version bigint not null,
  from_rank smallint not null,
  to_rank smallint not null,
  source text not null,
  effective_at timestamptz,
  ladder_version integer not null,
  inputs jsonb not null,
  decided_at timestamptz not null,
  primary key (wallet_id, version)
);
create trigger tier_decision_append_only before delete or update on tier_decision for each row
  execute function refuse_change();
create trigger tier_decision_no_truncate before truncate on tier_decision for each statement
  execute function refuse_change();
grant select, insert, update, delete on tier_decision to hezong_membership;

create table member_link (
  member_ref text primary key,
  brand text not null,
  wallet_id text not null,
  active boolean not null,
  version bigint not null check (version > 0),
  changed_at timestamptz not null
);
create index member_link_wallet on member_link (wallet_id, brand);
alter table member_link enable row level security, force row level security;
create policy member_link_brand on member_link
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on member_link to hezong_membership;

-- of libs/messaging ---------------------------------------------------------------------------------------------------

create table outbox (
  seq bigint generated always as identity primary key,
  tx_id xid8 not null default pg_current_xact_id(),
  id text not null,
  topic text not null,
  key text not null,
  type text not null,
  schema text not null,
  headers jsonb not null default '{}'::jsonb,
  -- null: a tombstone
  body bytea,
  created_at timestamptz not null default clock_timestamp()
);
create index outbox_order on outbox (tx_id, seq);
create index outbox_age on outbox (created_at);
grant select, insert, update, delete on outbox to hezong_membership;

create table inbox (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);
grant select, insert, update, delete on inbox to hezong_membership;

create table relay_cursor (
  source text primary key,
  epoch integer not null,
  tx_id xid8 not null,
  seq bigint not null,
  cluster text not null,
  updated_at timestamptz not null default now()
);
grant select, insert, update, delete on relay_cursor to hezong_membership;

create table parked_key (
  consumer_group text not null,
  topic text not null,
  key text not null,
  parked_at timestamptz not null default now(),
  release_at timestamptz,
  primary key (consumer_group, topic, key)
);
grant select, insert, update, delete on parked_key to hezong_membership;

create table parked_record (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('parked', 'dead', 'set_aside')),
  consumer_group text not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key text not null,
  event_id text not null,
  type text not null,
  headers jsonb not null,
  body bytea,
  error_code text not null,
  error_message text not null,
  attempts integer not null,
  first_failed_at timestamptz not null default now(),
  last_failed_at timestamptz not null default now(),
  release_at timestamptz,
  -- of an event that an operator set aside: the inbox treats it as handled until someone retries it
  set_aside_by text,
  set_aside_reason text,
  set_aside_at timestamptz,
  unique (consumer_group, topic, event_id),
  check (num_nonnulls(set_aside_by, set_aside_reason, set_aside_at) = case when kind = 'set_aside' then 3 else 0 end)
);
create index parked_record_order on parked_record (consumer_group, topic, key, id);
create index parked_record_due on parked_record (id) where release_at is not null;
grant select, insert, update, delete on parked_record to hezong_membership;

-- of libs/http --------------------------------------------------------------------------------------------------------

create table idempotency (
  brand text not null,
  kind text not null check (kind in ('transport', 'business')),
  scope text not null,
  key text not null,
  request_hash bytea not null check (octet_length(request_hash) = 16),
  status smallint not null,
  -- json, not jsonb: a repeat gets the first body with its members in the first order
  body json not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (brand, kind, scope, key)
);
create index idempotency_pruning on idempotency (created_at) where kind = 'transport';
alter table idempotency enable row level security, force row level security;
create policy idempotency_brand on idempotency
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on idempotency to hezong_membership;

create table operator_audit (
  seq bigint primary key,
  -- real time, not the alliance's clock
  at timestamptz not null,
  -- of an incoming call; null in the row that records how the call ended
  client text,
  method text,
  route text,
  path text,
  payload_hash text check (payload_hash ~ '^sha256:[0-9a-f]{64}$'),
  request_id text,
  -- only in the row that records how a call ended: the seq of that call and the status of its answer
  answers bigint,
  status smallint,
  previous_hash text,
  hash text not null,
  check (answers < seq),
  constraint operator_audit_is_call_or_end check (num_nonnulls(client, method, route, path, payload_hash,
    request_id) = case when answers is null then 6 else 0 end and (answers is null) = (status is null))
);
create unique index operator_audit_end on operator_audit (answers) where answers is not null;
create index operator_audit_call on operator_audit (at, seq) where answers is null;
create index operator_audit_note on operator_audit (path, seq) where method = 'NOTE';
create trigger operator_audit_append_only before delete or update on operator_audit for each row
  execute function refuse_change();
create trigger operator_audit_no_truncate before truncate on operator_audit for each statement
  execute function refuse_change();
create trigger operator_audit_link before insert on operator_audit for each row execute function operator_audit_link();
revoke all on operator_audit from hezong_membership;
grant select, insert on operator_audit to hezong_membership;

create table approval_use (
  approval_id text primary key,
  act text not null,
  maker text not null,
  checker text not null,
  used_at timestamptz not null default clock_timestamp(),
  constraint approval_use_two_people check (maker <> checker)
);
grant select, insert, update, delete on approval_use to hezong_membership;

-- of libs/directory ---------------------------------------------------------------------------------------------------

create table brand_directory (
  slug text primary key,
  version bigint not null check (version > 0),
  snapshot jsonb not null
);
grant select, insert, update, delete on brand_directory to hezong_membership;

create table brand_directory_part (
  slug text not null,
  part integer not null check (part >= 0),
  version bigint not null,
  snapshot jsonb not null,
  primary key (slug, part)
);
grant select, insert, update, delete on brand_directory_part to hezong_membership;

-- functions -----------------------------------------------------------------------------------------------------------

\ir functions/operator_audit_hash.sql
