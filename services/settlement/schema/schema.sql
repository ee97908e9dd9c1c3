-- The database of settlement as its migrations leave it, without rows: written by `npm run gen:schema`, never by hand.
-- hezong_settlement_owner owns everything; hezong_settlement is the role of the running service. A function can be called only where
-- it is granted. As the owner, `psql -f schema.sql` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;

-- functions that tables and views are made with -----------------------------------------------------------------------

\ir functions/file_lines.sql
\ir functions/guard_cycle.sql
\ir functions/guard_result.sql
\ir functions/open_partition.sql
\ir functions/operator_audit_link.sql
\ir functions/refuse_change.sql

-- settlement ----------------------------------------------------------------------------------------------------------

create table cycle (
  id text primary key,
  month text not null check (month ~ '^[0-9]{4}-[0-9]{2}$'),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  status text not null default 'open' check (status in ('open', 'cut_off', 'freezing', 'frozen', 'confirmed', 'closed')),
  from_at timestamptz not null,
  to_at timestamptz not null,
  cut_off_at timestamptz,
  -- the newest day that accepts no more lines
  closed_through date,
  -- result of the freeze: number and digest of the lines, digest of the results
  line_count bigint,
  lines_root text check (lines_root ~ '^sha256:[0-9a-f]{64}$'),
  results_root text check (results_root ~ '^sha256:[0-9a-f]{64}$'),
  unique (month, currency),
  check (id = month or id = ((month || '-') || currency)),
  check ((cut_off_at is null) = (status = 'open')),
  check (num_nulls(line_count, lines_root, results_root) = case when status in ('open', 'cut_off', 'freezing') then 3
    else 0 end)
);
create trigger cycle_guard before delete or update on cycle for each row execute function guard_cycle();
create trigger cycle_no_truncate before truncate on cycle for each statement execute function guard_cycle();
create trigger cycle_partition after insert on cycle for each row execute function open_partition();
grant select, insert, update, delete on cycle to hezong_settlement;

-- Who made a step, so that a repeat of a call whose answer was lost recognises the step.
create table cycle_step (
  cycle text not null references cycle(id),
  step text not null check (step in ('cut-off', 'freeze', 'confirm', 'close')),
  caller text not null,
  key text,
  at timestamptz not null,
  primary key (cycle, step)
);
create unique index cycle_step_key on cycle_step (caller, key) where key is not null;
create trigger cycle_step_append_only before delete or update on cycle_step for each row
  execute function refuse_change();
create trigger cycle_step_no_truncate before truncate on cycle_step for each statement execute function refuse_change();
grant select, insert, update, delete on cycle_step to hezong_settlement;

-- Progress of a freeze, which continues from here whoever began it.
create table cycle_freeze (
  cycle text primary key references cycle(id),
  stage text not null default 'days' check (stage in ('days', 'sums', 'statements', 'done')),
  -- the newest day that was read completely, the number of lines up to it, and the digest over these
  through date,
  line_count bigint not null default 0,
  lines_root text not null check (lines_root ~ '^sha256:[0-9a-f]{64}$'),
  started_at timestamptz not null
);
grant select, insert, update, delete on cycle_freeze to hezong_settlement;

-- Everyone who pays or is paid: brands (brand:aurora), legal entities (entity:le-1), and the single accounts.
create table party (
  id text primary key,
  kind text not null check (kind in ('brand', 'entity', 'operator', 'members', 'reserve', 'rounding')),
  check ( case when kind in ('brand', 'entity') then id like (kind || ':_%') else id = kind end)
);
alter table party enable row level security, force row level security;
create policy party_operator on party using (current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on party to hezong_settlement;

create table line (
  id uuid not null,
  cycle text not null,
  -- the day of recording: the day of posting, or the first later day that was not closed
  day date not null,
  -- the only party that reads the line in full, and the party's own ids for it, alone or with the other lots of its posting
  reader text,
  own_id uuid not null,
  type text not null check (type in ('accrual', 'accrual_reversal', 'redemption', 'redemption_reversal', 'expiry',
    'fee', 'fee_reversal', 'contributor', 'contributor_reversal', 'referral', 'referral_reversal', 'conversion',
    'conversion_reversal')),
  -- source of the line: a posting and its lot, a commission's entry and its leg, or a conversion
  posting_id text not null,
  lot_id text not null,
  original_line_id uuid,
  original_posting_id text,
  wallet_id text not null,
  actor text not null,
  actor_member_ref text not null,
  occurred_at timestamptz not null,
  posted_at timestamptz not null,
  payer text not null,
  payee text not null,
  issuer text not null,
  redeemer text,
  store text,
  -- unit of the points; null if the line counts none
  asset text,
  points bigint not null,
  price_micro bigint not null check (price_micro >= 0),
  -- the amount of a line without points
  fixed_micro numeric(38, 0) not null,
  amount_micro numeric(38, 0) generated always as ((points::numeric * price_micro::numeric + fixed_micro)) stored,
  currency text not null,
  reference text,
  -- as stamped by the source: versions of contracts, the issuer's agreement, when the points were earned and when they expire
  issuer_contract integer,
  redeemer_contract integer,
  funding_mode text,
  -- brand:aurora=7000,operator=3000 in basis points
  funders text,
  campaign text,
  earned_at timestamptz,
  expires_at timestamptz,
  -- over all columns above, as written by the service
  digest bytea not null check (octet_length(digest) = 32),
  primary key (id, cycle),
  constraint line_amount check ( case when fixed_micro = 0::numeric then points <> 0
    and (points < 0) = (type like '%\_reversal') and type !~ '^(contributor|referral|conversion)' else points = 0
    and price_micro = 0 and (fixed_micro < 0::numeric) = (type like '%\_reversal')
    and type ~ '^(fee|contributor|referral|conversion)' end),
  constraint line_payee check (payee = 'operator' or not payee is distinct from redeemer
    or type ~ '^(contributor|referral)'),
  constraint line_stamps check ( case when points = 0 then num_nonnulls(asset, issuer_contract, funding_mode, funders,
    earned_at) = 0 else num_nulls(asset, issuer_contract, funding_mode, funders, earned_at) = 0 end)
) partition by list (cycle);
-- a partition is one cycle, so no index contains the cycle
create index line_order on line (day, posted_at, own_id, id);
create index line_reader on line (reader, day, posted_at, own_id) where reader is not null;
-- lines that a party finds in the totals of its days
create index line_payer on line (payer, day) where payer is distinct from reader;
create index line_issuer on line (issuer, day) where issuer is distinct from reader and issuer <> payer;
create index line_payee on line (payee, day) where payee is distinct from reader and payee <> 'operator';
-- a leg that takes back finds the line of the original leg
create index line_leg on line (lot_id) where fixed_micro <> 0::numeric;
-- reversals of points that several parties fund
create index line_undone on line (original_line_id) where original_line_id is not null and funders like '%,%';
alter table line enable row level security, force row level security;
create policy line_party on line
  using (current_setting('hezong.brand', true) = '*' or ('brand:' || current_setting('hezong.brand', true)) = payer
    or ('brand:' || current_setting('hezong.brand', true)) = payee
    or ('brand:' || current_setting('hezong.brand', true)) = issuer
    or ('brand:' || current_setting('hezong.brand', true)) = redeemer)
  with check (current_setting('hezong.brand', true) = '*');
create trigger line_append_only before delete or update on line for each row execute function refuse_change();
create trigger line_no_truncate before truncate on line for each statement execute function refuse_change();
create trigger line_filed after insert on line referencing new table as added for each statement
  execute function file_lines();
grant select, insert, update, delete on line to hezong_settlement;

-- What parties read of the lines of others: totals of a closed day, each with a root over its legs.
create table day_seal (
  cycle text not null references cycle(id),
  day date not null,
  legs bigint not null,
  primary key (cycle, day)
);
create trigger day_seal_append_only before delete or update on day_seal for each row execute function refuse_change();
create trigger day_seal_no_truncate before truncate on day_seal for each statement execute function refuse_change();
grant select, insert, update, delete on day_seal to hezong_settlement;

create table day_total (
  cycle text not null,
  day date not null,
  reader text not null references party(id),
  type text not null,
  payer text not null,
  -- where the points were spent, if they were spent
  redeemer text,
  asset text,
  price_micro bigint not null,
  legs bigint not null check (legs > 0),
  points numeric(38, 0) not null,
  amount_micro numeric(38, 0) not null,
  root text not null check (root ~ '^sha256:[0-9a-f]{64}$'),
  constraint day_total_cycle_reader_day_type_payer_redeemer_asset_price__key unique nulls not distinct (cycle, reader,
    day, type, payer, redeemer, asset, price_micro),
  foreign key (cycle, day) references day_seal(cycle, day)
);
alter table day_total enable row level security, force row level security;
create policy day_total_reader on day_total
  using (current_setting('hezong.brand', true) = '*' or current_setting('hezong.brand', true) = substr(reader, 7))
  with check (current_setting('hezong.brand', true) = '*');
create trigger day_total_append_only before delete or update on day_total for each row execute function refuse_change();
create trigger day_total_no_truncate before truncate on day_total for each statement execute function refuse_change();
grant select, insert, update, delete on day_total to hezong_settlement;

-- Single legs of totals that brands requested, and the operator's decision: a leg is requested once and decided once.
create table opening (
  id uuid primary key,
  cycle text not null,
  day date not null,
  asker text not null references party(id),
  total_id uuid not null,
  leg integer not null check (leg > 0),
  line_id uuid not null,
  -- the brand whose customer made the purchase, and that brand's id for the line
  counterparty text references party(id),
  counterparty_line_id uuid,
  -- that brand's id for the opening: no two brands share an id
  counterparty_opening_id uuid not null unique,
  reason text not null,
  asked_by text not null,
  asked_at timestamptz not null,
  unique (asker, line_id),
  check (counterparty <> asker),
  foreign key (cycle, day) references day_seal(cycle, day)
);
create index opening_cycle on opening (cycle, asked_at);
alter table opening enable row level security, force row level security;
create policy opening_side on opening
  using (current_setting('hezong.brand', true) = '*' or ('brand:' || current_setting('hezong.brand', true)) = asker
    or ('brand:' || current_setting('hezong.brand', true)) = counterparty)
  with
    check (current_setting('hezong.brand', true) = '*' or ('brand:' || current_setting('hezong.brand', true)) = asker);
create trigger opening_append_only before delete or update on opening for each row execute function refuse_change();
create trigger opening_no_truncate before truncate on opening for each statement execute function refuse_change();
grant select, insert, update, delete on opening to hezong_settlement;

create table opening_decision (
  opening_id uuid primary key references opening(id),
  verdict text not null check (verdict in ('opened', 'refused')),
  by_whom text not null,
  decided_at timestamptz not null,
  reason text not null,
  -- json, not jsonb: the order of its fields is that of the leaf
  opened json,
  check ((opened is null) = (verdict = 'refused'))
);
alter table opening_decision enable row level security, force row level security;
create policy opening_decision_side on opening_decision
  using (current_setting('hezong.brand', true) = '*' or (exists ( select from opening o
    where o.id = opening_decision.opening_id)))
  with check (current_setting('hezong.brand', true) = '*');
create trigger opening_decision_append_only before delete or update on opening_decision for each row
  execute function refuse_change();
create trigger opening_decision_no_truncate before truncate on opening_decision for each statement
  execute function refuse_change();
grant select, insert, update, delete on opening_decision to hezong_settlement;

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
grant select, insert, update, delete on member_link to hezong_settlement;

create table frozen_group (
  cycle text not null references cycle(id),
  payer text not null references party(id),
  payee text not null references party(id),
  kind text not null check (kind in ('reimbursement', 'fee', 'commission', 'conversion')),
  asset text,
  price_micro bigint not null,
  points numeric(38, 0) not null,
  amount_micro numeric(38, 0) not null,
  -- the single rounded figure that both sides carry
  amount numeric(38, 0) not null,
  -- who settles for the parties, and at which rates: nothing is converted or taxed yet
  payer_entity text,
  payee_entity text,
  fx_rate numeric(20, 10) not null default 1 check (fx_rate > 0::numeric),
  tax_bp integer not null default 0 check (tax_bp >= 0),
  unique nulls not distinct (cycle, payer, payee, kind, asset, price_micro)
);
create index frozen_group_payer on frozen_group (payer, cycle);
create index frozen_group_payee on frozen_group (payee, cycle);
alter table frozen_group enable row level security, force row level security;
create policy frozen_group_party on frozen_group
  using (current_setting('hezong.brand', true) = '*' or ('brand:' || current_setting('hezong.brand', true)) = payer
    or ('brand:' || current_setting('hezong.brand', true)) = payee)
  with check (current_setting('hezong.brand', true) = '*');
create trigger frozen_group_append_only before delete or update on frozen_group for each row
  execute function refuse_change();
create trigger frozen_group_no_truncate before truncate on frozen_group for each statement
  execute function refuse_change();
create trigger frozen_group_once after insert on frozen_group referencing new table as added for each statement
  execute function guard_result('freezing');
grant select, insert, update, delete on frozen_group to hezong_settlement;

create table frozen_matrix (
  cycle text not null references cycle(id),
  issuer text not null references party(id),
  redeemer text not null references party(id),
  asset text not null,
  points numeric(38, 0) not null,
  amount_micro numeric(38, 0) not null,
  primary key (cycle, issuer, redeemer, asset)
);
alter table frozen_matrix enable row level security, force row level security;
create policy frozen_matrix_operator on frozen_matrix using (current_setting('hezong.brand', true) = '*');
create trigger frozen_matrix_append_only before delete or update on frozen_matrix for each row
  execute function refuse_change();
create trigger frozen_matrix_no_truncate before truncate on frozen_matrix for each statement
  execute function refuse_change();
create trigger frozen_matrix_once after insert on frozen_matrix referencing new table as added for each statement
  execute function guard_result('freezing');
grant select, insert, update, delete on frozen_matrix to hezong_settlement;

create table statement (
  cycle text not null references cycle(id),
  party text not null references party(id),
  version integer not null check (version > 0),
  -- order of freezing, which the hash chain of a party follows
  seq bigint not null generated always as identity,
  currency text not null,
  line_count bigint not null,
  points numeric(38, 0) not null,
  amount_micro numeric(38, 0) not null,
  pays_micro numeric(38, 0) not null,
  receives_micro numeric(38, 0) not null,
  fees_micro numeric(38, 0) not null,
  net numeric(38, 0) not null,
  hash text not null check (hash ~ '^sha256:[0-9a-f]{64}$'),
  previous_hash text,
  primary key (cycle, party, version),
  -- one chain: no two statements of a party follow the same statement
  constraint statement_one_chain unique nulls not distinct (party, previous_hash)
);
create index statement_chain on statement (party, seq desc);
alter table statement enable row level security, force row level security;
create policy statement_party on statement
  using (current_setting('hezong.brand', true) = '*' or ('brand:' || current_setting('hezong.brand', true)) = party)
  with check (current_setting('hezong.brand', true) = '*');
create trigger statement_append_only before delete or update on statement for each row execute function refuse_change();
create trigger statement_no_truncate before truncate on statement for each statement execute function refuse_change();
create trigger statement_once after insert on statement referencing new table as added for each statement
  execute function guard_result('freezing');
grant select, insert, update, delete on statement to hezong_settlement;

-- Lines that do not settle with their cycle. Disputes are not implemented, so nothing may write here: any row is a fault.
create table disputed_line (
  cycle text not null references cycle(id),
  line_id uuid not null,
  opened_at timestamptz not null,
  primary key (cycle, line_id)
);
alter table disputed_line enable row level security, force row level security;
create policy disputed_line_operator on disputed_line using (current_setting('hezong.brand', true) = '*');
create trigger disputed_line_once after insert on disputed_line referencing new table as added for each statement
  execute function guard_result('frozen');
revoke all on disputed_line from hezong_settlement;
grant select on disputed_line to hezong_settlement;

create table net_position (
  cycle text not null references cycle(id),
  party text not null references party(id),
  -- sum of all lines except disputed ones; positive receives, negative pays
  net numeric(38, 0) not null,
  -- what the disputed lines would add
  disputed numeric(38, 0) not null,
  primary key (cycle, party)
);
create index net_position_party on net_position (party, cycle);
alter table net_position enable row level security, force row level security;
create policy net_position_party on net_position
  using (current_setting('hezong.brand', true) = '*' or ('brand:' || current_setting('hezong.brand', true)) = party)
  with check (current_setting('hezong.brand', true) = '*');
create trigger net_position_append_only before delete or update on net_position for each row
  execute function refuse_change();
create trigger net_position_no_truncate before truncate on net_position for each statement
  execute function refuse_change();
create trigger net_position_once after insert on net_position referencing new table as added for each statement
  execute function guard_result('frozen');
grant select, insert, update, delete on net_position to hezong_settlement;

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
grant select, insert, update, delete on outbox to hezong_settlement;

create table inbox (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);
grant select, insert, update, delete on inbox to hezong_settlement;

create table relay_cursor (
  source text primary key,
  epoch integer not null,
  tx_id xid8 not null,
  seq bigint not null,
  cluster text not null,
  updated_at timestamptz not null default now()
);
grant select, insert, update, delete on relay_cursor to hezong_settlement;

create table parked_key (
  consumer_group text not null,
  topic text not null,
  key text not null,
  parked_at timestamptz not null default now(),
  release_at timestamptz,
  primary key (consumer_group, topic, key)
);
grant select, insert, update, delete on parked_key to hezong_settlement;

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
grant select, insert, update, delete on parked_record to hezong_settlement;

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
grant select, insert, update, delete on idempotency to hezong_settlement;

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
revoke all on operator_audit from hezong_settlement;
grant select, insert on operator_audit to hezong_settlement;

-- of libs/directory ---------------------------------------------------------------------------------------------------

create table brand_directory (
  slug text primary key,
  version bigint not null check (version > 0),
  snapshot jsonb not null
);
grant select, insert, update, delete on brand_directory to hezong_settlement;

create table brand_directory_part (
  slug text not null,
  part integer not null check (part >= 0),
  version bigint not null,
  snapshot jsonb not null,
  primary key (slug, part)
);
grant select, insert, update, delete on brand_directory_part to hezong_settlement;

-- of libs/postgres ----------------------------------------------------------------------------------------------------

create table reader_key (
  one boolean default true primary key check (one),
  key bytea not null check (octet_length(key) = 32)
);
create trigger reader_key_append_only before delete or update on reader_key for each row
  execute function refuse_change();
create trigger reader_key_no_truncate before truncate on reader_key for each statement execute function refuse_change();
grant select, insert, update, delete on reader_key to hezong_settlement;

-- functions -----------------------------------------------------------------------------------------------------------

\ir functions/operator_audit_hash.sql
