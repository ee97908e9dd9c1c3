-- The database of partners as its migrations leave it, without rows: written by `npm run gen:schema`, never by hand.
-- hezong_partners_owner owns everything; hezong_partners is the role of the running service. A function can be called only where
-- it is granted. As the owner, `psql -f schema.sql` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;

-- functions that tables and views are made with -----------------------------------------------------------------------

\ir functions/contract_guard.sql
\ir functions/contract_overlap_guard.sql
\ir functions/operator_audit_link.sql
\ir functions/refuse_change.sql

-- partners ------------------------------------------------------------------------------------------------------------

create table legal_entity (
  id text primary key,
  name text not null,
  created_at timestamptz not null default now()
);
grant select, insert, update, delete on legal_entity to hezong_partners;

create table brand (
  slug text primary key check (slug ~ '^[a-z][a-z0-9-]{1,30}$'),
  name text not null,
  status text not null check (status in ('applied', 'reviewed', 'sandbox', 'live', 'suspended', 'exiting', 'closed')),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  legal_entity_id text not null references legal_entity(id),
  version bigint not null default 1 check (version > 0),
  -- content with which the brand was created: a repeat gets the same answer; other content is refused
  created_hash bytea not null check (length(created_hash) = 16),
  created_answer jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
alter table brand enable row level security, force row level security;
create policy brand_brand on brand
  using (current_setting('hezong.brand', true) = slug or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = slug or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on brand to hezong_partners;

create table store (
  brand text not null references brand(slug),
  ref text not null,
  name text not null,
  primary key (brand, ref)
);
alter table store enable row level security, force row level security;
create policy store_brand on store
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on store to hezong_partners;

create table status_change (
  brand text not null references brand(slug),
  version bigint not null,
  from_status text not null,
  to_status text not null,
  changed_by text not null,
  changed_at timestamptz not null,
  primary key (brand, version)
);
alter table status_change enable row level security, force row level security;
create policy status_change_brand on status_change
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on status_change to hezong_partners;

create table contract (
  id text primary key,
  brand text not null references brand(slug),
  version integer not null check (version > 0),
  valid_from timestamptz not null,
  valid_to timestamptz,
  roles text[] not null check (cardinality(roles) > 0 and roles <@ array['issuer', 'redeemer']),
  funding_mode text not null check (funding_mode = 'pay_at_redemption'),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  accrual_micro bigint not null check (accrual_micro >= 0),
  reimbursement_micro bigint not null check (reimbursement_micro >= 0),
  operator_fee_micro bigint not null check (operator_fee_micro >= 0),
  face_value_micro bigint not null check (face_value_micro > 0),
  cycle text not null check (cycle = 'monthly'),
  fee_on_own boolean not null,
  -- null: no limit, for importing history
  lateness_days integer check (lateness_days >= 1 and lateness_days <= 3650),
  attests text[] not null check (attests <@ array['phone', 'email']),
  -- the most points that the brand may give without approval: order, grant, memberDay, brandDay, perMinorUnit
  limits jsonb not null,
  created_at timestamptz not null,
  unique (brand, version),
  check (valid_to > valid_from)
);
alter table contract enable row level security, force row level security;
create policy contract_brand on contract
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger contract_append_only before delete or update on contract for each row execute function contract_guard();
create trigger contract_no_overlap before insert on contract for each row execute function contract_overlap_guard();
grant select, insert, update, delete on contract to hezong_partners;

create table test_clock (
  single boolean default true primary key check (single),
  -- null: the clock runs in real time
  frozen_at timestamptz,
  set_at timestamptz not null
);
grant select, insert, update, delete on test_clock to hezong_partners;

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
grant select, insert, update, delete on outbox to hezong_partners;

create table inbox (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);
grant select, insert, update, delete on inbox to hezong_partners;

create table relay_cursor (
  source text primary key,
  epoch integer not null,
  tx_id xid8 not null,
  seq bigint not null,
  cluster text not null,
  updated_at timestamptz not null default now()
);
grant select, insert, update, delete on relay_cursor to hezong_partners;

create table parked_key (
  consumer_group text not null,
  topic text not null,
  key text not null,
  parked_at timestamptz not null default now(),
  release_at timestamptz,
  primary key (consumer_group, topic, key)
);
grant select, insert, update, delete on parked_key to hezong_partners;

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
grant select, insert, update, delete on parked_record to hezong_partners;

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
grant select, insert, update, delete on idempotency to hezong_partners;

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
revoke all on operator_audit from hezong_partners;
grant select, insert on operator_audit to hezong_partners;

create table approval_use (
  approval_id text primary key,
  act text not null,
  maker text not null,
  checker text not null,
  used_at timestamptz not null default clock_timestamp(),
  constraint approval_use_two_people check (maker <> checker)
);
grant select, insert, update, delete on approval_use to hezong_partners;

-- functions -----------------------------------------------------------------------------------------------------------

\ir functions/operator_audit_hash.sql
