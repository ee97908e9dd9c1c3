-- The database of identity as its migrations leave it, without rows: written by `npm run gen:schema`, never by hand.
-- hezong_identity_owner owns everything; hezong_identity is the role of the running service. A function can be called only where
-- it is granted. As the owner, `psql -f schema.sql` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;

-- functions that tables and views are made with -----------------------------------------------------------------------

\ir functions/guard_approval.sql
\ir functions/operator_audit_link.sql
\ir functions/refuse_change.sql

-- identity ------------------------------------------------------------------------------------------------------------

create table client (
  client_id text primary key,
  kind text not null check (kind in ('brand', 'operator')),
  brand text,
  name text not null,
  scopes text[] not null check (cardinality(scopes) > 0),
  -- public keys of a client that authenticates by private_key_jwt; null for a client with secrets
  jwks jsonb,
  -- the operator's client that created it; null if it was created with the network
  made_by text,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  check ((kind = 'brand') = (brand is not null))
);
create index client_of_brand on client (brand, client_id);
alter table client enable row level security, force row level security;
create policy client_brand on client
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on client to hezong_identity;

create table client_secret (
  secret_id text primary key,
  client_id text not null references client(client_id),
  brand text,
  -- SHA-256 of a secret of 256 random bits
  hash bytea not null check (octet_length(hash) = 32),
  made_by text,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz
);
create index client_secret_live on client_secret (client_id) where revoked_at is null;
alter table client_secret enable row level security, force row level security;
create policy client_secret_brand on client_secret
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on client_secret to hezong_identity;

-- operations that wait for approval by a second client of the operator
create table approval (
  id text primary key,
  act text not null,
  maker text not null,
  payload json not null,
  payload_hash text not null check (payload_hash ~ '^sha256:[0-9a-f]{64}$'),
  state text not null default 'pending' check (state in ('pending', 'approved', 'refused', 'used', 'expired')),
  checker text,
  reason text,
  asked_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  decided_at timestamptz,
  used_at timestamptz,
  constraint approval_two_people check ((state not in ('approved', 'used')) or checker is not null and checker <> maker),
  check ((checker is null) = (decided_at is null) and (used_at is not null) = (state = 'used'))
);
create unique index approval_open on approval (maker, act, payload_hash) where state in ('pending', 'approved');
create index approval_end on approval (expires_at) where state in ('pending', 'approved');
create index approval_waiting on approval (id) where state = 'pending';
create trigger approval_guard before delete or update on approval for each row execute function guard_approval();
grant select, insert, update, delete on approval to hezong_identity;

create table signing_key (
  kid text primary key,
  status text not null check (status in ('next', 'current', 'retired')),
  public_jwk jsonb not null,
  -- AES-256-GCM: 12 bytes nonce, 16 bytes tag, ciphertext of the private JWK; the kid is authenticated too
  private_jwk bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  -- when the last token signed with it has expired
  retired_until timestamptz,
  check ((status = 'retired') = (retired_until is not null))
);
create unique index signing_key_one_next on signing_key (status) where status = 'next';
create unique index signing_key_one_current on signing_key (status) where status = 'current';
grant select, insert, update, delete on signing_key to hezong_identity;

-- client assertions already used: none is accepted twice, even after a restart or on another instance
create table used_assertion (
  id text primary key,
  expires_at timestamptz not null
);
create index used_assertion_expiry on used_assertion (expires_at);
grant select, insert, update, delete on used_assertion to hezong_identity;

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
grant select, insert, update, delete on outbox to hezong_identity;

create table inbox (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);
grant select, insert, update, delete on inbox to hezong_identity;

create table relay_cursor (
  source text primary key,
  epoch integer not null,
  tx_id xid8 not null,
  seq bigint not null,
  cluster text not null,
  updated_at timestamptz not null default now()
);
grant select, insert, update, delete on relay_cursor to hezong_identity;

create table parked_key (
  consumer_group text not null,
  topic text not null,
  key text not null,
  parked_at timestamptz not null default now(),
  release_at timestamptz,
  primary key (consumer_group, topic, key)
);
grant select, insert, update, delete on parked_key to hezong_identity;

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
grant select, insert, update, delete on parked_record to hezong_identity;

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
grant select, insert, update, delete on idempotency to hezong_identity;

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
revoke all on operator_audit from hezong_identity;
grant select, insert on operator_audit to hezong_identity;

create table approval_use (
  approval_id text primary key,
  act text not null,
  maker text not null,
  checker text not null,
  used_at timestamptz not null default clock_timestamp(),
  constraint approval_use_two_people check (maker <> checker)
);
grant select, insert, update, delete on approval_use to hezong_identity;

-- of libs/directory ---------------------------------------------------------------------------------------------------

create table brand_directory (
  slug text primary key,
  version bigint not null check (version > 0),
  snapshot jsonb not null
);
grant select, insert, update, delete on brand_directory to hezong_identity;

create table brand_directory_part (
  slug text not null,
  part integer not null check (part >= 0),
  version bigint not null,
  snapshot jsonb not null,
  primary key (slug, part)
);
grant select, insert, update, delete on brand_directory_part to hezong_identity;

-- functions -----------------------------------------------------------------------------------------------------------

\ir functions/operator_audit_hash.sql
