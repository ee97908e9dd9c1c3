-- The database of ledger as its migrations leave it, without rows: written by `npm run gen:schema`, never by hand.
-- hezong_ledger_owner owns everything; hezong_ledger is the role of the running service. A function can be called only where
-- it is granted. As the owner, `psql -f schema.sql` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;

-- functions that tables and views are made with -----------------------------------------------------------------------

\ir functions/keep_trace.sql
\ir functions/ledger_cell.sql
\ir functions/ledger_total.sql
\ir functions/operator_audit_link.sql
\ir functions/refuse_change.sql
\ir functions/refuse_loss.sql

-- ledger --------------------------------------------------------------------------------------------------------------

create type posting_kind as enum ('accrual', 'accrual_pending', 'accrual_release', 'accrual_reversal', 'authorization',
  'capture', 'void', 'authorization_expired', 'redemption_return', 'expiry', 'debt_repayment', 'transfer_out',
  'transfer_in');

create type operation_kind as enum ('order', 'grant', 'reward', 'order_return', 'authorization', 'capture', 'void',
  'redemption_return', 'expiration', 'delivery', 'transfer');

create type account_kind as enum ('issued', 'accepted', 'expired', 'transit');

create type hold_status as enum ('authorized', 'partially_captured', 'captured', 'voided', 'expired');

-- This server. Transaction ids are not comparable between servers, so wherever they order events, an epoch precedes them.
create table node (
  only_one boolean default true primary key check (only_one),
  epoch smallint not null,
  cluster text not null
);
revoke all on node from hezong_ledger;
grant select on node to hezong_ledger;

-- Numbers the events of a transaction: postings, orders that earn nothing, and later events of orders.
create sequence event_seq;
revoke all on sequence event_seq from hezong_ledger;

-- Opened centrally and the same on every server: a leg refers to its account by number.
create table brand_account (
  id integer generated always as identity primary key,
  owner text not null,
  kind account_kind not null,
  -- unit of the account and of everything filed under it
  asset text not null default 'PTS',
  opened_at timestamptz not null default clock_timestamp(),
  unique (owner, kind, asset)
);
revoke all on brand_account from hezong_ledger;
grant select on brand_account to hezong_ledger;

-- Sum of the legs of sealed postings, cell by cell. Brand accounts authorize nothing, so nothing waits for their balance.
create table brand_balance (
  cell smallint not null,
  account_id integer not null,
  legs bigint not null,
  credits numeric(38, 0) not null check (credits >= 0::numeric),
  debits numeric(38, 0) not null check (debits >= 0::numeric),
  primary key (cell, account_id)
) with (fillfactor = 70);
revoke all on brand_balance from hezong_ledger;
grant select on brand_balance to hezong_ledger;

-- A wallet, and its mutex. Held points are part of posted; pending points are counted separately. The totals that ever went in and
-- out have no bound and are found in the postings.
create table wallet (
  cell smallint not null,
  -- position of its last event
  epoch smallint not null default 0,
  wallet_id uuid not null,
  xid xid8 not null default '0'::xid8,
  wallet_version bigint not null default 0,
  posted bigint not null default 0,
  held bigint not null default 0,
  debt bigint not null default 0,
  pending bigint not null default 0,
  asset text not null default 'PTS',
  -- Nothing of the wallet is due before this: no lot becomes available or expires, no hold runs out. Any later use of the wallet
  -- settles it first.
  next_due timestamptz,
  -- whether it ever had points that cannot be spent everywhere: then its spendable points are counted lot by lot
  limited boolean not null default false,
  posted_at timestamptz,
  -- points given by orders and grants of all brands since given_from, the beginning of a day
  given_from timestamptz,
  given bigint not null default 0,
  -- version of the posting before the first one counted
  given_after bigint not null default 0,
  -- the part of written-off debts that no available points have met since
  written_off bigint not null default 0,
  primary key (cell, wallet_id),
  -- Floor and ceiling: without holds, the balance falls below zero by no more than open debts, and there is room for pending points
  -- to become available. One CHECK per table, because PostgreSQL reads each of them anew for every statement.
  constraint wallet_within_bounds check (held >= 0 and debt >= 0 and pending >= 0 and written_off >= 0
    and cell = ledger_cell(wallet_id) and posted >= (held - debt) and posted <= ('9007199254740991'::bigint - pending))
) with (fillfactor = 70);
revoke all on wallet from hezong_ledger;
grant select on wallet to hezong_ledger;

-- One immutable transaction with all its legs; the row is the event PostingRecorded. The wallet's own legs are spendable and
-- pending. Usually one brand account moves; several move where several issuers give or take back points. Every row sums to zero.
create table posting (
  cell smallint not null,
  -- position in the order of events: never before the wallet's previous event, whichever transaction began first
  epoch smallint not null,
  kind posting_kind not null,
  wallet_version bigint not null,
  xid xid8 not null,
  seq bigint not null default nextval('event_seq'::regclass),
  wallet_id uuid not null,
  id uuid not null,
  points bigint not null,
  spendable bigint not null,
  pending bigint not null,
  brand_points bigint,
  -- the wallet immediately after the posting
  balance_after bigint not null,
  held_after bigint not null,
  pending_after bigint not null,
  debt_after bigint not null,
  occurred_at timestamptz not null,
  posted_at timestamptz not null,
  quoted_reimbursement_micro bigint,
  brand_account integer,
  brand text not null,
  store text,
  member_ref text,
  reference text,
  campaign text,
  -- the order, grant or transfer that the posting belongs to
  order_id uuid,
  hold_id uuid,
  -- the other side of a transfer
  other_wallet_id uuid,
  -- the first lot that the posting created; this movement has no row of its own
  lot_id uuid,
  other_accounts integer[],
  other_points bigint[],
  asset text not null default 'PTS',
  -- the redeemer's terms in force at the capture
  terms_id bigint,
  primary key (cell, wallet_id, wallet_version) include (brand),
  constraint posting_sums_to_zero check (points > 0 and (kind = 'capture'::posting_kind) = (terms_id is not null)
    and (spendable + pending + coalesce(brand_points, 0::bigint) + coalesce(ledger_total(other_points), 0::bigint)) = 0
    and (brand_account is null) = (brand_points is null) and (other_accounts is null) = (other_points is null)
    and (other_points is null or cardinality(other_accounts) = cardinality(other_points)))
);
create index posting_relay on posting (epoch, xid, seq);
-- postings are stored nearly in the order of their times, so this index costs writers almost nothing
create index posting_time on posting using brin (posted_at) with (autosummarize='on');
alter table posting enable row level security, force row level security;
create policy posting_brand on posting
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger posting_append_only before delete or update on posting for each row execute function refuse_change();
create trigger posting_no_truncate before truncate on posting for each statement execute function refuse_change();
create trigger posting_trace after insert on posting for each row
  when (coalesce(current_setting('hezong.traces', true), '') <> '') execute function keep_trace();
revoke all on posting from hezong_ledger;
grant select on posting to hezong_ledger;

create view brand_entry with (security_invoker = true) as
  select posting.cell, posting.wallet_id, posting.wallet_version, posting.id as posting_id,
    posting.brand_account as account_id, posting.brand_points as amount
    from posting
    where posting.brand_account is not null
  union all
  select posting.cell, posting.wallet_id, posting.wallet_version, posting.id as posting_id, o.account_id,
    o.amount
    from posting
    cross join lateral unnest(posting.other_accounts, posting.other_points) o(account_id, amount)
    where posting.other_accounts is not null;
grant select, insert, update, delete on brand_entry to hezong_ledger;

-- What a posting did to an existing lot, or to further lots that it created. Signed: a positive number adds to the member; a debt
-- lot grows by negative points.
create table allocation (
  cell smallint not null,
  ordinal integer not null,
  wallet_id uuid not null,
  wallet_version bigint not null,
  posting_id uuid not null,
  lot_id uuid not null,
  points bigint not null check (points <> 0),
  original_posting_id uuid,
  -- on the other side of a transfer
  other_lot_id uuid,
  primary key (cell, wallet_id, wallet_version, ordinal)
);
create trigger allocation_append_only before delete or update on allocation for each row
  execute function refuse_change();
create trigger allocation_no_truncate before truncate on allocation for each statement execute function refuse_change();
revoke all on allocation from hezong_ledger;
grant select on allocation to hezong_ledger;

-- "open" (a boolean that changes once) is the condition of the partial indexes, so that drawing from a lot remains a HOT update.
create table lot (
  cell smallint not null,
  wallet_id uuid not null,
  id uuid not null,
  open boolean not null default true,
  pending boolean not null default false,
  debt boolean not null default false,
  points bigint not null,
  remaining bigint not null,
  held bigint not null default 0,
  -- points that expired and that no return has met since; of a debt, points written off that no points have met since; null for none
  lapsed bigint,
  available_from timestamptz,
  expires_at timestamptz,
  -- the expiry agreed when the points were issued, if it was moved; infinity for none
  agreed_expires_at timestamptz,
  earned_at timestamptz not null,
  -- the issuer's terms in force when the points were issued; a debt has the terms of the points that it stands for
  terms_id bigint not null,
  issuer text not null,
  asset text not null default 'PTS',
  -- the only places where the points can be spent, brand or brand/store; null for everywhere
  places text[],
  campaign text,
  reason text not null,
  rule_id text,
  origin_id uuid,
  -- the brand's own id of the order or grant, and its memberRef: later postings of this lot carry both
  reference text,
  member_ref text,
  posting_id uuid not null,
  primary key (cell, wallet_id, id),
  constraint lot_within_points check (remaining >= 0 and held >= 0
    and (remaining + held + coalesce(lapsed, 0::bigint)) <= points and open = ((remaining + held) > 0) and points > 0
    and (lapsed > 0) is not false and not (debt and (pending or held > 0)) and places <> '{}'::text[])
) with (fillfactor = 80);
create index lot_open on lot (cell, wallet_id, expires_at, earned_at, id) where open;
create index lot_lapsed on lot (cell, wallet_id, origin_id) where lapsed is not null;
-- A lot that waits for a delivery may wait beyond its expiry. It must not precede lots that are due.
create index lot_expiry on lot (expires_at) where open and not pending and expires_at is not null;
create index lot_due on lot (available_from) where open and pending;
-- Spent lots too: if points come back, they expire with their campaign.
create index lot_campaign on lot (issuer, campaign, wallet_id) where campaign is not null;
-- Debts to brands that have left, written off by two people.
create index lot_owed on lot (issuer, wallet_id) where open and debt;
revoke all on lot from hezong_ledger;
grant select on lot to hezong_ledger;

-- All effects of postings on lots, in their order.
create view movement with (security_invoker = true) as
  select p.cell, p.wallet_id, p.wallet_version, 0 as ordinal, p.id as posting_id, p.lot_id, l.points,
    null::uuid as original_posting_id, null::uuid as other_lot_id
    from posting p
    join lot l on l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = p.lot_id
  union all
  select allocation.cell, allocation.wallet_id, allocation.wallet_version, allocation.ordinal,
    allocation.posting_id, allocation.lot_id, allocation.points, allocation.original_posting_id,
    allocation.other_lot_id
    from allocation;
grant select, insert, update, delete on movement to hezong_ledger;

-- An authorization and the answer to it; the figures are those of its posting.
create table hold (
  cell smallint not null,
  id uuid not null,
  wallet_id uuid not null,
  -- the wallet's version of its posting; a hold captured immediately is its own first capture
  wallet_version bigint not null,
  request_hash bytea not null,
  result json not null,
  brand text not null,
  member_ref text not null,
  store text,
  reference text not null,
  status hold_status not null,
  open boolean not null,
  points bigint not null,
  captured bigint not null default 0,
  released bigint not null default 0,
  returned bigint not null default 0,
  authorized_at timestamptz not null,
  expires_at timestamptz not null,
  quote_id uuid,
  quoted_reimbursement_micro bigint,
  campaign text,
  asset text not null default 'PTS',
  -- the redeemer's terms when the points were reserved; they also apply to a capture after the contract has ended
  terms_id bigint not null,
  -- version of the draw order by which its lots were taken
  draw_order integer not null,
  -- wallet versions of its capture postings, in order; returns of redeemed points take the newest first
  captures bigint[] not null default '{}'::bigint[],
  primary key (cell, id),
  constraint hold_within_points check (points > 0 and captured >= 0 and released >= 0
    and (captured + released) <= points and returned >= 0 and returned <= captured
    and open = ((captured + released) < points))
) with (fillfactor = 80);
create index hold_due on hold (expires_at) where open;
create index hold_open on hold (cell, wallet_id, expires_at) where open;
create unique index hold_quote on hold (cell, quote_id) where quote_id is not null;
alter table hold enable row level security, force row level security;
create policy hold_brand on hold
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
revoke all on hold from hezong_ledger;
grant select on hold to hezong_ledger;

-- Points that a hold reserves of each lot; a hold captured immediately reserved none.
create table hold_lot (
  cell smallint not null,
  ordinal integer not null,
  hold_id uuid not null,
  lot_id uuid not null,
  points bigint not null,
  captured bigint not null default 0,
  released bigint not null default 0,
  primary key (cell, hold_id, ordinal),
  constraint hold_lot_within_points check (points > 0 and captured >= 0 and released >= 0
    and (captured + released) <= points)
) with (fillfactor = 80);
revoke all on hold_lot from hezong_ledger;
grant select on hold_lot to hezong_ledger;

-- An order and the answer to it. If it earned points, its posting is the event for both; otherwise the row is.
create table purchase (
  cell smallint not null,
  epoch smallint,
  return_version integer not null default 0,
  xid xid8,
  seq bigint,
  id uuid not null,
  wallet_id uuid not null,
  posting_id uuid,
  occurred_at timestamptz not null,
  posted_at timestamptz not null,
  points_earned bigint not null,
  points_reversed bigint not null default 0,
  -- the part of points_reversed that had already expired; no posting moves it again
  points_expired bigint not null default 0,
  -- as answered
  balance bigint not null,
  held bigint not null,
  pending bigint not null,
  debt bigint not null,
  repaid bigint,
  request_hash bytea not null,
  brand text not null,
  member_ref text not null,
  store text,
  external_id text not null,
  currency text not null,
  campaign text,
  document json not null,
  returned json,
  primary key (cell, id),
  constraint purchase_within_points check (points_reversed >= points_expired and points_reversed <= points_earned
    and points_expired >= 0 and (posting_id is null) = (points_earned = 0)
    and (posting_id is null) = (seq is not null and xid is not null and epoch is not null))
) with (fillfactor = 90);
create index purchase_relay on purchase (epoch, xid, seq) where seq is not null;
alter table purchase enable row level security, force row level security;
create policy purchase_brand on purchase
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger purchase_trace after insert on purchase for each row
  when (coalesce(current_setting('hezong.traces', true), '') <> '') execute function keep_trace();
revoke all on purchase from hezong_ledger;
grant select on purchase to hezong_ledger;

-- A later event of an order.
create table order_event (
  cell smallint not null,
  epoch smallint not null,
  xid xid8 not null,
  seq bigint not null default nextval('event_seq'::regclass),
  id uuid not null,
  purchase_id uuid not null,
  wallet_id uuid not null,
  occurred_at timestamptz not null,
  posted_at timestamptz not null,
  brand text not null,
  member_ref text not null,
  order_external_id text not null,
  external_id text not null,
  -- lines of a return, each [lineId, quantity, net]; null for a delivery
  lines json,
  primary key (cell, id)
);
create index order_event_relay on order_event (epoch, xid, seq);
alter table order_event enable row level security, force row level security;
create policy order_event_brand on order_event
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger order_event_append_only before delete or update on order_event for each row
  execute function refuse_change();
create trigger order_event_no_truncate before truncate on order_event for each statement
  execute function refuse_change();
create trigger order_event_trace after insert on order_event for each row
  when (coalesce(current_setting('hezong.traces', true), '') <> '') execute function keep_trace();
revoke all on order_event from hezong_ledger;
grant select on order_event to hezong_ledger;

-- Answer of a posting function, one row per item.
create type ledger_outcome as (n integer, verdict text, replayed boolean, decline text, decline_limit bigint,
  result text, balance bigint, held bigint, pending bigint, debt bigint, detail text, subject_id uuid, posting_id uuid,
  posted_at timestamptz);

-- A wallet as it was when a batch had locked it, and its next position in the order of events.
create type ledger_wallet as (cell smallint, epoch smallint, xid xid8, wallet_posted_at timestamptz, was_posted bigint,
  was_held bigint, was_pending bigint, was_debt bigint, was_limited boolean, was_wallet_version bigint,
  was_given_from timestamptz, was_given bigint, was_owing boolean);

-- The business key of an operation, and what is stored with it.
create type ledger_key as (brand text, kind operation_kind, key uuid, external_id text, hash bytea, transport_key uuid,
  wallet_id uuid, result text);

-- the first lot is part of the item, because most items have no other
create type ledger_accrual_item as (n integer, brand text, external_id text, key uuid, hash bytea, transport_key uuid,
  id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text,
  kind operation_kind, member_ref text, store text, issuer text, spendable bigint, pending bigint,
  other_spendable bigint, other_pending bigint, next_due timestamptz, pending_posting_id uuid, currency text,
  campaign text, origin_id uuid, lot_id uuid, lot_points bigint, lot_pending boolean, lot_available_from timestamptz,
  lot_expires_at timestamptz, lot_campaign text, lot_reason text, lot_rule_id text, lot_terms_id bigint,
  lot_places text[], limited boolean, expected_version bigint, day_from timestamptz, day_limit bigint);

create type ledger_lot_item as (n integer, ordinal smallint, id uuid, points bigint, pending boolean,
  available_from timestamptz, expires_at timestamptz, campaign text, reason text, rule_id text, issuer text,
  terms_id bigint, places text[]);

create type ledger_authorization_item as (n integer, brand text, external_id text, key uuid, hash bytea,
  transport_key uuid, id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid,
  result text, member_ref text, store text, points bigint, expires_at timestamptz, quote_id uuid,
  quoted_reimbursement_micro bigint, campaign text, terms_id bigint, at_once boolean);

create type ledger_hold_item as (n integer, brand text, external_id text, key uuid, hash bytea, transport_key uuid,
  id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text, hold_id uuid,
  points bigint, final boolean, terms_id bigint);

create type ledger_redemption_return_item as (n integer, brand text, external_id text, key uuid, hash bytea,
  transport_key uuid, id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid,
  result text, hold_id uuid, points bigint);

create type ledger_reversal_item as (n integer, brand text, external_id text, key uuid, hash bytea, transport_key uuid,
  id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text,
  purchase_id uuid, member_ref text, store text, points bigint, expected_version integer, returned text, parts text,
  lines text);

-- Wallets that cannot be settled, and why. They are skipped until their next attempt; the intervals grow.
create table due_fault (
  cell smallint not null,
  tries integer not null default 1,
  wallet_id uuid not null,
  since timestamptz not null default clock_timestamp(),
  retry_at timestamptz not null,
  fault text not null,
  primary key (cell, wallet_id)
);
revoke all on due_fault from hezong_ledger;
grant select on due_fault to hezong_ledger;

-- An early expiry. It runs wallet by wallet in separate batches and can be resumed where it stopped. It belongs to no wallet, so its
-- answer is stored here too.
create table expiration_run (
  id uuid primary key,
  brand text not null,
  external_id text not null,
  request_hash bytea not null,
  reason text not null,
  points bigint not null default 0,
  lots integer not null default 0,
  result json not null,
  -- the last wallet reached in this round, and whether the round has ended any points; the run is over after a round that ends none
  reached uuid,
  going boolean not null default false,
  -- when the run was completed
  posted_at timestamptz
);
alter table expiration_run enable row level security, force row level security;
create policy expiration_run_brand on expiration_run
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
revoke all on expiration_run from hezong_ledger;
grant select on expiration_run to hezong_ledger;

-- One batch of it. The verdict is 'continue' until nothing is left; then the answer is final.
create type ledger_expiration_item as (brand text, external_id text, key uuid, hash bytea, transport_key uuid, id uuid,
  issuer text, campaign text, wallet_id uuid, reason text, result text);

create table seal_block (
  cell smallint not null,
  number bigint not null,
  -- the position up to which the pass that made the block went
  to_epoch smallint not null,
  to_xid xid8 not null,
  to_seq bigint not null,
  postings integer not null check (postings > 0),
  points numeric not null,
  seqs bigint[] not null,
  -- 32 bytes per posting, in the order of seqs
  leaves bytea not null,
  previous bytea,
  hash bytea not null,
  sealed_at timestamptz not null default clock_timestamp(),
  primary key (cell, number)
);
create index seal_block_pass on seal_block (to_epoch, to_xid, to_seq);
create trigger seal_block_append_only before delete or update on seal_block for each row
  execute function refuse_change();
create trigger seal_block_no_truncate before truncate on seal_block for each statement execute function refuse_change();
revoke all on seal_block from hezong_ledger;
grant select on seal_block to hezong_ledger;

-- How far the current round over all passes, old ones too, has come, and what it stopped at.
create table seal_check (
  one boolean default true primary key check (one),
  to_epoch smallint not null default 0,
  to_xid xid8 not null default '0'::xid8,
  to_seq bigint not null default 0,
  fault text
);
revoke all on seal_check from hezong_ledger;
grant select on seal_check to hezong_ledger;

create table contract_terms (
  id bigint primary key,
  brand text not null,
  contract_version integer not null check (contract_version >= 0),
  currency text not null,
  funding_mode text not null,
  -- party:basis points, comma-separated
  funders text not null,
  accrual_micro bigint not null check (accrual_micro >= 0),
  operator_fee_micro bigint not null check (operator_fee_micro >= 0),
  fee_on_own boolean not null,
  reimbursement_micro bigint not null check (reimbursement_micro >= 0),
  constraint
    contract_terms_named_by_content
    check
    (id
    =
    (('x'
    ||
    "left"(encode(sha256(convert_to((((((((((((((((brand || '|') || contract_version) || '|') || currency) || '|') ||
    funding_mode) || '|') || funders) || '|') || accrual_micro) || '|') || operator_fee_micro) || '|') || fee_on_own) ||
    '|') || reimbursement_micro, 'UTF8'::name)), 'hex'), 16)))::bit(64)::bigint)
);
create trigger contract_terms_append_only before delete or update on contract_terms for each row
  execute function refuse_change();
create trigger contract_terms_no_truncate before truncate on contract_terms for each statement
  execute function refuse_change();
revoke all on contract_terms from hezong_ledger;
grant select on contract_terms to hezong_ledger;

create table earning_rule (
  id uuid primary key,
  brand text not null,
  name text not null,
  version integer not null check (version > 0),
  valid_from timestamptz not null,
  valid_to timestamptz,
  priority integer not null,
  terms jsonb not null,
  created_at timestamptz not null default now(),
  unique (brand, name, version),
  check (valid_to > valid_from)
);
create index earning_rule_in_force on earning_rule (brand, name, valid_from, version);
create index earning_rule_begin on earning_rule (brand, valid_from);
create index earning_rule_end on earning_rule (brand, valid_to) where valid_to is not null;
alter table earning_rule enable row level security, force row level security;
create policy earning_rule_brand on earning_rule
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger earning_rule_append_only before delete or update on earning_rule for each row
  execute function refuse_change();
create trigger earning_rule_no_truncate before truncate on earning_rule for each statement
  execute function refuse_change();
grant select, insert, update, delete on earning_rule to hezong_ledger;

create table member_link (
  member_ref text primary key,
  brand text not null,
  wallet_id text not null,
  active boolean not null,
  version bigint not null check (version > 0),
  changed_at timestamptz not null
);
alter table member_link enable row level security, force row level security;
create policy member_link_brand on member_link
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on member_link to hezong_ledger;

create table quote (
  cell smallint not null,
  id uuid not null,
  wallet_id uuid not null,
  brand text not null,
  member_ref text not null,
  store text,
  currency text not null,
  basket_total bigint not null check (basket_total >= 0),
  points bigint not null check (points > 0),
  value bigint not null,
  reimbursement_price_micro bigint not null check (reimbursement_price_micro >= 0),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  -- by the server's clock: retention does not depend on the alliance's clock
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (cell, id),
  check (value >= 0 and value <= basket_total),
  check (expires_at > created_at),
  check (cell = ledger_cell(wallet_id))
);
create index quote_age on quote (recorded_at);
alter table quote enable row level security, force row level security;
create policy quote_brand on quote
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on quote to hezong_ledger;

-- Points that brands gave within a day, counted by each process separately.
create table brand_day (
  brand text not null,
  day date not null,
  process uuid not null,
  points numeric(38, 0) not null,
  -- points that the operator allows the brand to give on that day; 0 for no more than its contract says
  allowed bigint not null check (allowed >= 0),
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (brand, day, process)
) with (fillfactor = 50);
create index brand_day_age on brand_day (recorded_at);
alter table brand_day enable row level security, force row level security;
create policy brand_day_brand on brand_day
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on brand_day to hezong_ledger;

create type ledger_delivery_item as (n integer, brand text, external_id text, key uuid, hash bytea, transport_key uuid,
  id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text,
  purchase_id uuid, free_from timestamptz, late_days integer, zone text);

-- Takes back points that were given without a purchase, as a return does: from their own lots, then other lots of the issuer, then
-- as a debt.
create type ledger_taking_item as (n integer, brand text, external_id text, key uuid, hash bytea, transport_key uuid,
  id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text,
  kind operation_kind, issuer text, origin_id uuid, member_ref text, points bigint, debt_lot_id uuid, terms_id bigint);

-- Rewards that were not booked because their issuer had no contract, they were too large for it, or the wallet was full. They are
-- stored because no caller receives an answer.
create table declined_reward (
  cell smallint not null,
  declined_at timestamptz not null,
  occurred_at timestamptz not null,
  wallet_id uuid not null,
  id uuid not null,
  -- the origin that its points would have had
  origin_id uuid not null,
  points bigint not null check (points <> 0),
  key text not null,
  issuer text not null,
  reason text not null,
  -- reason for the decline: a code of the error catalogue
  cause text not null,
  primary key (cell, wallet_id, key),
  check (cell = ledger_cell(wallet_id))
);
create index declined_reward_page on declined_reward (declined_at, id);
alter table declined_reward enable row level security, force row level security;
create policy declined_reward_brand on declined_reward
  using (current_setting('hezong.brand', true) = issuer or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = issuer or current_setting('hezong.brand', true) = '*');
create trigger declined_reward_append_only before delete or update on declined_reward for each row
  execute function refuse_change();
create trigger declined_reward_no_truncate before truncate on declined_reward for each statement
  execute function refuse_change();
grant select, insert, update, delete on declined_reward to hezong_ledger;

create table debt_write_off (
  external_id text primary key,
  brand text not null,
  reason text not null,
  maker text not null,
  checker text not null,
  points bigint not null check (points >= 0),
  wallets bigint not null check (wallets >= 0),
  at timestamptz not null,
  constraint debt_write_off_two_people check (maker <> checker)
);
alter table debt_write_off enable row level security, force row level security;
create policy debt_write_off_brand on debt_write_off
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger debt_write_off_append_only before delete or update on debt_write_off for each row
  execute function refuse_change();
create trigger debt_write_off_no_truncate before truncate on debt_write_off for each statement
  execute function refuse_change();
grant select, insert, update, delete on debt_write_off to hezong_ledger;

-- Ranks of members as published by membership, with their beginnings: the ledger's copy, one row per wallet.
create table member_tier (
  cell smallint not null,
  wallet_id uuid not null,
  version bigint not null,
  steps json not null,
  primary key (cell, wallet_id),
  check (cell = ledger_cell(wallet_id))
);
grant select, insert, update, delete on member_tier to hezong_ledger;

create table draw_order (
  version integer primary key check (version > 0),
  -- preferences that precede the earliest expiry, the most important first
  prefers text[] not null,
  made_at timestamptz not null default clock_timestamp(),
  constraint draw_order_each_once check (prefers <@ array['limited', 'own']
    and cardinality(prefers) = (('limited' = any (prefers))::integer + ('own' = any (prefers))::integer))
);
create trigger draw_order_append_only before delete or update on draw_order for each row
  execute function refuse_change();
create trigger draw_order_no_truncate before truncate on draw_order for each statement execute function refuse_change();
revoke all on draw_order from hezong_ledger;
grant select on draw_order to hezong_ledger;

create type ledger_transfer_item as (n integer, brand text, external_id text, key uuid, hash bytea, transport_key uuid,
  id uuid, wallet_id uuid, posted_at timestamptz, occurred_at timestamptz, posting_id uuid, result text,
  member_ref text, to_wallet_id uuid, to_member_ref text, to_posting_id uuid, points bigint);

-- The first use of a business key, kept forever: key is the first 16 bytes of SHA-256 over kind, brand and the brand's own id. The
-- row is in the cell of the key, not of the wallet. An Idempotency-Key is a separate key that leads to the same operation.
create table claim (
  cell smallint not null,
  key uuid not null,
  wallet_id uuid,
  operation_id uuid not null,
  primary key (cell, key)
);
create trigger claim_append_only before delete or update on claim for each row execute function refuse_change();
create trigger claim_no_truncate before truncate on claim for each statement execute function refuse_change();
revoke all on claim from hezong_ledger;
grant select on claim to hezong_ledger;

-- The request under a business key and its answer, declines included: all except orders and authorizations that were accepted, whose
-- rows contain both.
create table operation (
  cell smallint not null,
  kind operation_kind not null,
  id uuid not null,
  wallet_id uuid not null,
  posting_id uuid,
  posted_at timestamptz not null,
  balance bigint not null,
  held bigint not null,
  pending bigint not null,
  debt bigint not null,
  decline_limit bigint,
  request_hash bytea not null,
  brand text not null,
  external_id text not null,
  decline text,
  result json not null,
  detail json,
  primary key (cell, id)
);
create index operation_age on operation (posted_at);
alter table operation enable row level security, force row level security;
create policy operation_brand on operation
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger operation_kept before delete or update on operation for each row execute function refuse_loss();
create trigger operation_no_truncate before truncate on operation for each statement execute function refuse_loss();
revoke all on operation from hezong_ledger;
grant select on operation to hezong_ledger;

-- Answers older than the promised time: the same rows, stored apart from those that may still be requested. Keys stay where they
-- are.
create table operation_archive (
  cell smallint not null,
  kind operation_kind not null,
  id uuid not null,
  wallet_id uuid not null,
  posting_id uuid,
  posted_at timestamptz not null,
  balance bigint not null,
  held bigint not null,
  pending bigint not null,
  debt bigint not null,
  decline_limit bigint,
  request_hash bytea not null,
  brand text not null,
  external_id text not null,
  decline text,
  result json not null,
  detail json,
  primary key (cell, id)
);
alter table operation_archive enable row level security, force row level security;
create policy operation_archive_brand on operation_archive
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger operation_archive_append_only before delete or update on operation_archive for each row
  execute function refuse_change();
create trigger operation_archive_no_truncate before truncate on operation_archive for each statement
  execute function refuse_change();
revoke all on operation_archive from hezong_ledger;
grant select on operation_archive to hezong_ledger;

-- The first answer to every key.
create view first_answer with (security_invoker = true) as
  select operation.cell, operation.id, operation.kind, operation.brand, operation.wallet_id,
    operation.request_hash, operation.decline, operation.decline_limit, operation.result, operation.balance,
    operation.held, operation.pending, operation.debt, operation.detail, operation.posting_id,
    operation.posted_at
    from operation
  union all
  select operation_archive.cell, operation_archive.id, operation_archive.kind, operation_archive.brand,
    operation_archive.wallet_id, operation_archive.request_hash, operation_archive.decline,
    operation_archive.decline_limit, operation_archive.result, operation_archive.balance,
    operation_archive.held, operation_archive.pending, operation_archive.debt, operation_archive.detail,
    operation_archive.posting_id, operation_archive.posted_at
    from operation_archive
  union all
  select purchase.cell, purchase.id, 'order'::operation_kind as kind, purchase.brand, purchase.wallet_id,
    purchase.request_hash, null::text as decline, null::bigint as decline_limit, purchase.document as result,
    purchase.balance, purchase.held, purchase.pending, purchase.debt,
    case
    when purchase.repaid is not null then json_build_object('repaid', purchase.repaid)
    else null::json
    end as detail,
    purchase.posting_id, purchase.posted_at
    from purchase
  union all
  select h.cell, h.id, 'authorization'::operation_kind as kind, h.brand, h.wallet_id, h.request_hash,
    null::text as decline, null::bigint as decline_limit, h.result, p.balance_after - p.held_after as balance,
    p.held_after as held, p.pending_after as pending, p.debt_after as debt,
    json_build_object('points', h.points, 'status',
    case p.kind
    when 'capture'::posting_kind then 'captured'
    else 'authorized'
    end, 'captured',
    case p.kind
    when 'capture'::posting_kind then h.points
    else 0::bigint
    end) as detail,
    p.id as posting_id, p.posted_at
    from hold h
    join posting p on p.cell = h.cell and p.wallet_id = h.wallet_id and p.wallet_version = h.wallet_version;
grant select, insert, update, delete on first_answer to hezong_ledger;

create table event_trace (
  cell smallint not null,
  event_id uuid not null,
  traceparent text not null check (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (cell, event_id)
);
create index event_trace_age on event_trace (recorded_at);
revoke all on event_trace from hezong_ledger;
grant select, delete on event_trace to hezong_ledger;

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
grant select, insert, update, delete on outbox to hezong_ledger;

create table inbox (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);
grant select, insert, update, delete on inbox to hezong_ledger;

create table relay_cursor (
  source text primary key,
  epoch integer not null,
  tx_id xid8 not null,
  seq bigint not null,
  cluster text not null,
  updated_at timestamptz not null default now()
);
grant select, insert, update, delete on relay_cursor to hezong_ledger;

create table parked_key (
  consumer_group text not null,
  topic text not null,
  key text not null,
  parked_at timestamptz not null default now(),
  release_at timestamptz,
  primary key (consumer_group, topic, key)
);
grant select, insert, update, delete on parked_key to hezong_ledger;

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
grant select, insert, update, delete on parked_record to hezong_ledger;

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
grant select, insert, update, delete on idempotency to hezong_ledger;

create table approval_use (
  approval_id text primary key,
  act text not null,
  maker text not null,
  checker text not null,
  used_at timestamptz not null default clock_timestamp(),
  constraint approval_use_two_people check (maker <> checker)
);
grant select, insert, update, delete on approval_use to hezong_ledger;

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
revoke all on operator_audit from hezong_ledger;
grant select, insert on operator_audit to hezong_ledger;

-- of libs/directory ---------------------------------------------------------------------------------------------------

create table brand_directory (
  slug text primary key,
  version bigint not null check (version > 0),
  snapshot jsonb not null
);
grant select, insert, update, delete on brand_directory to hezong_ledger;

create table brand_directory_part (
  slug text not null,
  part integer not null check (part >= 0),
  version bigint not null,
  snapshot jsonb not null,
  primary key (slug, part)
);
grant select, insert, update, delete on brand_directory_part to hezong_ledger;

-- of libs/postgres ----------------------------------------------------------------------------------------------------

create table reader_key (
  one boolean default true primary key check (one),
  key bytea not null check (octet_length(key) = 32)
);
create trigger reader_key_append_only before delete or update on reader_key for each row
  execute function refuse_change();
create trigger reader_key_no_truncate before truncate on reader_key for each statement execute function refuse_change();
revoke all on reader_key from hezong_ledger;
grant select on reader_key to hezong_ledger;

-- functions -----------------------------------------------------------------------------------------------------------

\ir functions/ledger_accrue_v1.sql
\ir functions/ledger_add_posting.sql
\ir functions/ledger_allows.sql
\ir functions/ledger_archive_v1.sql
\ir functions/ledger_authorize_v1.sql
\ir functions/ledger_bind_v1.sql
\ir functions/ledger_block_hash.sql
\ir functions/ledger_brand_account.sql
\ir functions/ledger_capture_v1.sql
\ir functions/ledger_debts_to.sql
\ir functions/ledger_deliver_v1.sql
\ir functions/ledger_digests.sql
\ir functions/ledger_draw.sql
\ir functions/ledger_draw_by_v1.sql
\ir functions/ledger_earned_at.sql
\ir functions/ledger_end_hold.sql
\ir functions/ledger_enter_v1.sql
\ir functions/ledger_expire_v1.sql
\ir functions/ledger_file.sql
\ir functions/ledger_free_lots.sql
\ir functions/ledger_gives_over.sql
\ir functions/ledger_keep_debts.sql
\ir functions/ledger_keep_wallet.sql
\ir functions/ledger_large_v1.sql
\ir functions/ledger_lock_wallets.sql
\ir functions/ledger_locked_v1.sql
\ir functions/ledger_lot_text.sql
\ir functions/ledger_meet_lapsed.sql
\ir functions/ledger_open_brands_v1.sql
\ir functions/ledger_open_terms_v1.sql
\ir functions/ledger_pass_fault.sql
\ir functions/ledger_place.sql
\ir functions/ledger_post_legs.sql
\ir functions/ledger_post_one.sql
\ir functions/ledger_recheck_v1.sql
\ir functions/ledger_release_lot.sql
\ir functions/ledger_repay.sql
\ir functions/ledger_retry_due_v1.sql
\ir functions/ledger_return_redemption_v1.sql
\ir functions/ledger_reverse_v1.sql
\ir functions/ledger_seal_v1.sql
\ir functions/ledger_settle_due_v1.sql
\ir functions/ledger_settle_v1.sql
\ir functions/ledger_settle_wallets.sql
\ir functions/ledger_spendable_v1.sql
\ir functions/ledger_sweep_wallets.sql
\ir functions/ledger_take_back.sql
\ir functions/ledger_take_from.sql
\ir functions/ledger_take_up.sql
\ir functions/ledger_take_v1.sql
\ir functions/ledger_transfer_v1.sql
\ir functions/ledger_turn.sql
\ir functions/ledger_uuidv7.sql
\ir functions/ledger_verify_v1.sql
\ir functions/ledger_void_v1.sql
\ir functions/operator_audit_hash.sql
