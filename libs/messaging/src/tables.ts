/**
 * DDL of messaging's tables in a service's own database: outbox, inbox, relay position, parked keys and records.
 * Run it in the service's first migration.
 */
export function messagingTablesSql(): string {
  return `
create table outbox (
  seq        bigint generated always as identity primary key,
  tx_id      xid8 not null default pg_current_xact_id(),
  id         text not null,
  topic      text not null,
  key        text not null,
  type       text not null,
  schema     text not null,
  headers    jsonb not null default '{}',
  -- null: a tombstone
  body       bytea,
  created_at timestamptz not null default clock_timestamp()
);
create index outbox_order on outbox (tx_id, seq);
create index outbox_age on outbox (created_at);

create table inbox (
  consumer_group text not null,
  event_id       text not null,
  received_at    timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);

create table relay_cursor (
  source     text primary key,
  epoch      integer not null,
  tx_id      xid8 not null,
  seq        bigint not null,
  cluster    text not null,
  updated_at timestamptz not null default now()
);

create table parked_key (
  consumer_group text not null,
  topic          text not null,
  key            text not null,
  parked_at      timestamptz not null default now(),
  release_at     timestamptz,
  primary key (consumer_group, topic, key)
);

create table parked_record (
  id              bigint generated always as identity primary key,
  kind            text not null check (kind in ('parked', 'dead', 'set_aside')),
  consumer_group  text not null,
  topic           text not null,
  "partition"     integer not null,
  "offset"        bigint not null,
  key             text not null,
  event_id        text not null,
  type            text not null,
  headers         jsonb not null,
  body            bytea,
  error_code      text not null,
  error_message   text not null,
  attempts        integer not null,
  first_failed_at timestamptz not null default now(),
  last_failed_at  timestamptz not null default now(),
  release_at      timestamptz,
  -- of an event that an operator set aside: the inbox treats it as handled until someone retries it
  set_aside_by     text,
  set_aside_reason text,
  set_aside_at     timestamptz,
  unique (consumer_group, topic, event_id),
  check (num_nonnulls(set_aside_by, set_aside_reason, set_aside_at) = case when kind = 'set_aside' then 3 else 0 end)
);
create index parked_record_order on parked_record (consumer_group, topic, key, id);
create index parked_record_due on parked_record (id) where release_at is not null;
`;
}
