-- The database of crm as its migrations leave it, without rows: written by `npm run gen:schema`, never by hand.
-- hezong_crm_owner owns everything; hezong_crm is the role of the running service. A function can be called only where
-- it is granted. As the owner, `psql -f schema.sql` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;

create schema vault;
grant usage on schema vault to hezong_crm;
grant usage on schema vault to hezong_crm_rotation;

-- functions that tables and views are made with -----------------------------------------------------------------------

\ir functions/operator_audit_link.sql
\ir functions/refuse_change.sql

-- crm -----------------------------------------------------------------------------------------------------------------

create table vault.person (
  person_id uuid primary key,
  wallet_id uuid not null unique,
  status text not null check (status in ('active', 'unlinked')),
  created_at timestamptz not null,
  seen_at timestamptz not null
);
alter table vault.person enable row level security, force row level security;
create policy vault_person_network on vault.person using (current_setting('hezong.brand', true) = '*');
revoke all on vault.person from hezong_crm;

create table vault.contact_point (
  contact_id uuid primary key,
  person_id uuid not null references vault.person(person_id),
  kind text not null check (kind in ('phone', 'email')),
  value_enc bytea not null,
  key_v smallint not null,
  -- when and how the contact point was proven to belong to this person. An unproven one finds nobody; many persons may have it.
  proven_at timestamptz,
  method text,
  -- the row of the person who proved this contact point earlier: it finds that person until that person is forgotten
  behind uuid references vault.contact_point(contact_id) deferrable initially deferred,
  h_v smallint not null,
  h bytea not null check (octet_length(h) = 32),
  seen_at timestamptz not null,
  check ((method is null) = (proven_at is null)),
  check (behind is null or proven_at is not null)
);
create unique index contact_point_held on vault.contact_point (kind, h_v, h) where proven_at is not null
  and behind is null;
create index contact_point_behind on vault.contact_point (behind);
create index contact_point_person on vault.contact_point (person_id);
alter table vault.contact_point enable row level security, force row level security;
create policy vault_contact_point_network on vault.contact_point using (current_setting('hezong.brand', true) = '*');
revoke all on vault.contact_point from hezong_crm;

create table vault.binding (
  binding_id uuid primary key,
  person_id uuid not null references vault.person(person_id),
  contributor_brand text not null,
  since timestamptz not null,
  basis text not null check (basis = 'join_pool'),
  evidence_event_id uuid not null,
  until timestamptz,
  seen_at timestamptz not null
);
create unique index binding_open on vault.binding (person_id) where until is null;
alter table vault.binding enable row level security, force row level security;
create policy vault_binding_network on vault.binding using (current_setting('hezong.brand', true) = '*');
revoke all on vault.binding from hezong_crm;

-- Departures from a brand, as keyed hashes of the member's external id and of the contact points that the brand had sent. The
-- hashes outlive these, so that no earlier consent brings the person back. An e-mail address of a member with a phone identifies
-- the person only where no phone distinguishes persons.
create table vault.suppression (
  brand text not null,
  kind text not null check (kind in ('phone', 'email', 'external_id')),
  h_v smallint not null,
  h bytea not null check (octet_length(h) = 32),
  since timestamptz not null,
  had_phone boolean not null,
  recorded_at timestamptz not null,
  primary key (brand, kind, h_v, h)
);
alter table vault.suppression enable row level security, force row level security;
create policy vault_suppression_network on vault.suppression using (current_setting('hezong.brand', true) = '*');
revoke all on vault.suppression from hezong_crm;

-- Contact points that a brand had sent for an active member before it sent others, as keyed hashes. They are suppressed with the
-- current ones when the member leaves. They cannot be hashed again either.
create table vault.former_contact (
  member_ref text not null,
  kind text not null check (kind in ('phone', 'email')),
  h_v smallint not null,
  h bytea not null check (octet_length(h) = 32),
  -- whether the member also had a phone
  had_phone boolean not null,
  primary key (member_ref, kind, h_v, h)
);
alter table vault.former_contact enable row level security, force row level security;
create policy vault_former_contact_network on vault.former_contact using (current_setting('hezong.brand', true) = '*');
revoke all on vault.former_contact from hezong_crm;

create table member_link (
  member_ref text primary key,
  brand text not null,
  -- empty once the link has ended; only its keyed hash remains
  external_id text not null,
  key_v smallint not null,
  key_h bytea not null check (octet_length(key_h) = 32),
  person_id uuid not null,
  wallet_id uuid not null,
  status text not null check (status in ('active', 'deleted')),
  version bigint not null,
  phone_id uuid,
  email_id uuid,
  -- whether the brand itself has proven what it sent; what the brand may learn depends on nothing else
  phone_proven boolean not null,
  email_proven boolean not null,
  attributes jsonb not null,
  content_v smallint not null,
  content_h bytea not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  ended_at timestamptz,
  check ((status = 'deleted') = (ended_at is not null)),
  check ((status = 'deleted') = (external_id = ''))
);
create unique index member_link_external_id on member_link (brand, external_id) where status = 'active';
create unique index member_link_person on member_link (brand, person_id) where status = 'active';
create index member_link_list on member_link (brand, created_at, member_ref) where status = 'active';
-- Full indexes, not partial ones. On an empty table the planner gives a look-up by one of these columns the same cost as a scan of
-- any partial index of the active links, and a session keeps the plan. A full index is considered only for its own column.
create index member_link_of_person on member_link (person_id);
create index member_link_phone on member_link (phone_id);
create index member_link_email on member_link (email_id);
create index member_link_key on member_link (key_h);
alter table member_link enable row level security, force row level security;
create policy member_link_brand on member_link
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on member_link to hezong_crm;

create table consent_event (
  event_id uuid primary key,
  brand text not null,
  member_ref text not null,
  person_id uuid not null,
  purpose text not null check (purpose in ('join_pool', 'profile_tags', 'share_order_lines', 'marketing_by_brand',
    'marketing_by_alliance')),
  granted boolean not null,
  policy_version text not null,
  channel text not null,
  at timestamptz not null,
  recorded_at timestamptz not null
);
create index consent_event_member on consent_event (member_ref, purpose, at, event_id);
alter table consent_event enable row level security, force row level security;
create policy consent_event_brand on consent_event
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger consent_event_append_only before delete or update on consent_event for each row
  execute function refuse_change();
create trigger consent_event_no_truncate before truncate on consent_event for each statement
  execute function refuse_change();
grant select, insert, update, delete on consent_event to hezong_crm;

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
grant select, insert, update, delete on outbox to hezong_crm;

create table inbox (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);
grant select, insert, update, delete on inbox to hezong_crm;

create table relay_cursor (
  source text primary key,
  epoch integer not null,
  tx_id xid8 not null,
  seq bigint not null,
  cluster text not null,
  updated_at timestamptz not null default now()
);
grant select, insert, update, delete on relay_cursor to hezong_crm;

create table parked_key (
  consumer_group text not null,
  topic text not null,
  key text not null,
  parked_at timestamptz not null default now(),
  release_at timestamptz,
  primary key (consumer_group, topic, key)
);
grant select, insert, update, delete on parked_key to hezong_crm;

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
grant select, insert, update, delete on parked_record to hezong_crm;

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
-- answers about a member are deleted with the member
create index idempotency_of_member on idempotency ((body ->> 'memberRef'));
alter table idempotency enable row level security, force row level security;
create policy idempotency_brand on idempotency
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on idempotency to hezong_crm;

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
revoke all on operator_audit from hezong_crm;
grant select, insert on operator_audit to hezong_crm;

-- of libs/directory ---------------------------------------------------------------------------------------------------

create table brand_directory (
  slug text primary key,
  version bigint not null check (version > 0),
  snapshot jsonb not null
);
grant select, insert, update, delete on brand_directory to hezong_crm;

create table brand_directory_part (
  slug text not null,
  part integer not null check (part >= 0),
  version bigint not null,
  snapshot jsonb not null,
  primary key (slug, part)
);
grant select, insert, update, delete on brand_directory_part to hezong_crm;

-- functions -----------------------------------------------------------------------------------------------------------

\ir functions/contribute.sql
\ir functions/operator_audit_hash.sql
\ir functions/vault.admit.sql
\ir functions/vault.alike.sql
\ir functions/vault.attach.sql
\ir functions/vault.audit.sql
\ir functions/vault.contacts_to_rotate.sql
\ir functions/vault.duplicate_of.sql
\ir functions/vault.find_held.sql
\ir functions/vault.forget.sql
\ir functions/vault.keep_contact.sql
\ir functions/vault.leave.sql
\ir functions/vault.release.sql
\ir functions/vault.replaced.sql
\ir functions/vault.rotate_contact.sql
\ir functions/vault.suppress.sql
\ir functions/vault.suppressed_until.sql
\ir functions/vault.suppressions_lost.sql
\ir functions/vault.withdrawn_until.sql
