-- The database of referrals as its migrations leave it, without rows: written by `npm run gen:schema`, never by hand.
-- hezong_referrals_owner owns everything; hezong_referrals is the role of the running service. A function can be called only where
-- it is granted. As the owner, `psql -f schema.sql` makes all of it in an empty database that was provisioned (libs/postgres).
-- Not shown: "migration", where TypeORM keeps which migrations have run.
set check_function_bodies = off;

-- functions that tables and views are made with -----------------------------------------------------------------------

\ir functions/apply_legs.sql
\ir functions/check_conversion.sql
\ir functions/check_payout.sql
\ir functions/guard_alias.sql
\ir functions/guard_closed_days.sql
\ir functions/guard_commission.sql
\ir functions/guard_draw.sql
\ir functions/guard_frozen_clock.sql
\ir functions/guard_introduction.sql
\ir functions/guard_offer.sql
\ir functions/guard_payout.sql
\ir functions/operator_audit_link.sql
\ir functions/refuse_change.sql
\ir functions/repay_debts.sql

-- referrals -----------------------------------------------------------------------------------------------------------

-- A sandbox's clock as published to the service; empty for real time. It never goes back.
create table frozen_clock (
  one boolean default true primary key check (one),
  at timestamptz not null
);
create trigger frozen_clock_forward before update on frozen_clock for each row execute function guard_frozen_clock();
grant select, insert, update, delete on frozen_clock to hezong_referrals;

create table referral_programme (
  version integer generated always as identity primary key,
  contributor_bp integer not null check (contributor_bp >= 0 and contributor_bp <= 10000),
  contributor_floor_bp integer not null default 0 check (contributor_floor_bp >= 0 and contributor_floor_bp <= 10000),
  -- at most two levels; no configuration can change that
  max_depth smallint not null default 1 check (max_depth in (1, 2)),
  sign_off text,
  introducer_days integer not null default 180 check (introducer_days >= 1 and introducer_days <= 180),
  return_days integer not null check (return_days >= 0 and return_days <= 180),
  conversion_price_micro bigint check (conversion_price_micro > 0),
  valid_from timestamptz not null unique,
  created_by text not null,
  created_at timestamptz not null,
  check (max_depth = 1 or sign_off is not null)
);
create trigger referral_programme_append_only before delete or update on referral_programme for each row
  execute function refuse_change();
create trigger referral_programme_no_truncate before truncate on referral_programme for each statement
  execute function refuse_change();
grant select, insert, update, delete on referral_programme to hezong_referrals;

create table offer (
  id uuid primary key,
  brand text not null,
  name text not null,
  -- commissions are paid on orders only
  basis text not null default 'order' check (basis = 'order'),
  -- currency of the budget and the caps: the brand's
  currency text not null,
  pool_bp integer not null check (pool_bp >= 1 and pool_bp <= 10000),
  split jsonb not null,
  rule_version text not null,
  products text[] not null,
  categories text[] not null,
  hosts text[] not null,
  window_days integer not null check (window_days >= 1 and window_days <= 365),
  protection_days integer not null,
  return_days integer not null check (return_days >= 0 and return_days <= 180),
  budget bigint check (budget > 0),
  cap_order bigint check (cap_order > 0),
  cap_beneficiary_day bigint check (cap_beneficiary_day > 0),
  cap_month bigint check (cap_month > 0),
  standing boolean not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  withdrawn_at timestamptz,
  created_at timestamptz not null,
  check (protection_days >= 0 and protection_days <= window_days),
  check (valid_to > valid_from)
);
create index offer_of_brand on offer (brand, created_at, id);
alter table offer enable row level security, force row level security;
-- An offer is visible to the alliance; only its brand can change it.
create policy offer_read on offer for select using (current_setting('hezong.brand', true) <> '');
create policy offer_write on offer for insert
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create policy offer_change on offer for update
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger offer_guard before delete or update on offer for each row execute function guard_offer();
grant select, insert, update, delete on offer to hezong_referrals;

create table pickup (
  id uuid primary key,
  offer_id uuid not null references offer(id),
  brand text not null,
  campaign text not null,
  created_at timestamptz not null,
  unique (offer_id, brand, campaign)
);
alter table pickup enable row level security, force row level security;
create policy pickup_brand on pickup
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on pickup to hezong_referrals;

create table distributor (
  id uuid primary key,
  brand text not null,
  kind text not null check (kind in ('brand', 'store', 'guide', 'member')),
  ref text not null,
  owner text not null,
  wallet_id text,
  created_at timestamptz not null,
  unique (brand, kind, ref),
  check ((owner like 'wallet:%') = (kind = 'member')),
  check (kind <> 'member' or wallet_id is not null)
);
create index distributor_owner on distributor (owner);
create index distributor_wallet on distributor (wallet_id) where wallet_id is not null;
alter table distributor enable row level security, force row level security;
create policy distributor_brand on distributor
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger distributor_alias after insert or update of wallet_id on distributor for each row
  when (new.kind <> 'member' and new.wallet_id is not null) execute function guard_alias();
grant select, insert, update, delete on distributor to hezong_referrals;

-- Who introduced whom at a brand. Each person has one introducer, and an introduced person introduces nobody, under any of the
-- keys under which the person earns there. Introductions at other brands are ignored, because a refusal would reveal them; a
-- commission has one introducer at most.
create table introduction (
  brand text not null,
  owner text not null,
  introducer text not null,
  since timestamptz not null,
  expires_at timestamptz not null,
  primary key (brand, owner),
  check (introducer <> owner)
);
create index introduction_introducer on introduction (brand, introducer);
alter table introduction enable row level security, force row level security;
create policy introduction_brand on introduction
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger introduction_depth before insert or delete or update on introduction for each row
  execute function guard_introduction();
create trigger introduction_no_truncate before truncate on introduction for each statement
  execute function refuse_change();
grant select, insert, update, delete on introduction to hezong_referrals;

create table link (
  id uuid primary key,
  code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{13}$'),
  brand text not null,
  seller text not null,
  offer_id uuid not null,
  campaign text not null,
  owner_kind text not null,
  owner_ref text not null,
  owner text not null,
  wallet_id text,
  target text not null check (target like 'https://%'),
  created_at timestamptz not null,
  foreign key (offer_id, brand, campaign) references pickup(offer_id, brand, campaign)
);
create index link_of_brand on link (brand, created_at, id);
alter table link enable row level security, force row level security;
create policy link_brand on link
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger link_append_only before delete or update on link for each row execute function refuse_change();
create trigger link_no_truncate before truncate on link for each statement execute function refuse_change();
grant select, insert, update, delete on link to hezong_referrals;

create table touch (
  -- UUID version 7, so the key contains the time: old rows can be removed, and partitions attached, by key range
  id uuid primary key check (uuid_extract_version(id) = 7),
  brand text not null,
  seller text not null,
  -- The brand that reported the touch. The promoting brand earns by it, so only the seller's report decides about an order.
  told_by text not null,
  link_id uuid not null references link(id),
  kind text not null check (kind in ('click', 'code', 'deep_link')),
  wallet_id text,
  at timestamptz not null,
  recorded_at timestamptz not null,
  check (told_by = brand or told_by = seller)
);
create index touch_wallet on touch (wallet_id, seller, recorded_at) where wallet_id is not null and told_by = seller;
alter table touch enable row level security, force row level security;
create policy touch_brand on touch
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger touch_append_only before delete or update on touch for each row execute function refuse_change();
create trigger touch_no_truncate before truncate on touch for each statement execute function refuse_change();
grant select, insert, update, delete on touch to hezong_referrals;

-- How often a link was followed. It is not known by whom, so a click has no row of its own.
create table link_clicks (
  link_id uuid not null references link(id),
  day date not null,
  brand text not null,
  clicks bigint not null check (clicks > 0),
  primary key (link_id, day)
);
alter table link_clicks enable row level security, force row level security;
create policy link_clicks_brand on link_clicks
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
grant select, insert, update, delete on link_clicks to hezong_referrals;

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
grant select, insert, update, delete on member_link to hezong_referrals;

-- The brand that contributed a person; null while an order waits for that information. Commissions keep the contributor of their
-- time.
create table binding (
  wallet_id text primary key,
  contributor text,
  since timestamptz,
  earlier text[] not null default '{}'::text[]
);
grant select, insert, update, delete on binding to hezong_referrals;

create table waiting_event (
  seq bigint generated always as identity primary key,
  wallet_id text not null,
  order_id text not null,
  event_id text not null unique,
  type text not null,
  body bytea not null,
  queued_at timestamptz not null default clock_timestamp()
);
create index waiting_event_order on waiting_event (order_id);
create index waiting_event_wallet on waiting_event (wallet_id, seq);
grant select, insert, update, delete on waiting_event to hezong_referrals;

create table decision (
  order_id text primary key,
  brand text not null,
  wallet_id text not null,
  occurred_at timestamptz not null,
  rule_version text not null,
  won_by text not null check (won_by in ('guide', 'code', 'deep_link', 'click', 'none')),
  promoter text,
  -- the guide whom the order names
  guide text,
  link_id uuid,
  offer_id uuid,
  document jsonb not null
);
create index decision_wallet on decision (wallet_id, brand, occurred_at) where promoter is not null;
alter table decision enable row level security, force row level security;
create policy decision_brand on decision
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger decision_append_only before delete or update on decision for each row execute function refuse_change();
create trigger decision_no_truncate before truncate on decision for each statement execute function refuse_change();
grant select, insert, update, delete on decision to hezong_referrals;

create table commission (
  id uuid primary key,
  -- A commission needs an order, and an order has one commission.
  order_id text not null unique,
  order_external_id text not null,
  brand text not null,
  store text not null,
  wallet_id text not null,
  member_ref text not null,
  currency text not null,
  offer_id uuid references offer(id),
  link_id uuid,
  campaign text,
  plan jsonb not null,
  rule_version text not null,
  lines jsonb not null,
  base bigint not null check (base > 0),
  remaining bigint not null,
  -- goods outside the offer, for which only the contributor earns
  rest bigint not null default 0 check (rest >= 0),
  rest_remaining bigint not null default 0,
  pool bigint not null check (pool >= 0),
  used bigint not null default 0,
  cap bigint,
  state text not null check (state in ('estimated', 'pending', 'held', 'payable', 'paid', 'cancelled', 'duplicate',
    'fraud_hold', 'reversed')),
  reason text,
  return_days integer not null check (return_days >= 0),
  occurred_at timestamptz not null,
  posted_at timestamptz not null,
  received_at timestamptz,
  hold_until timestamptz,
  unbound boolean not null default false,
  check (remaining >= 0 and remaining <= base),
  check (rest_remaining >= 0 and rest_remaining <= rest),
  check (used >= 0 and used <= pool),
  check ((received_at is null) = (hold_until is null)),
  -- The hold is the return window plus one day, never shorter, and never begins before the order was received.
  constraint commission_held_long_enough check (hold_until >= (greatest(received_at,
    posted_at) + make_interval(hours => (return_days + 1) * 24))),
  check ((state not in ('held', 'payable', 'paid')) or hold_until is not null)
);
create index commission_of_brand on commission (brand, posted_at, order_id);
create index commission_due on commission (hold_until) where state = 'held';
create index commission_unbound on commission (wallet_id) where unbound;
create index commission_fraud on commission (posted_at, order_id) where state = 'fraud_hold';
create unique index commission_external on commission (brand, order_external_id) where state <> 'duplicate';
alter table commission enable row level security, force row level security;
create policy commission_brand on commission
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger commission_guard before insert or delete or update on commission for each row
  execute function guard_commission();
create trigger commission_no_truncate before truncate on commission for each statement execute function refuse_change();
grant select, insert, update, delete on commission to hezong_referrals;

create table commission_state (
  seq bigint generated always as identity primary key,
  commission_id uuid not null,
  brand text not null,
  state text not null,
  reason text,
  at timestamptz not null
);
create index commission_state_of on commission_state (commission_id, seq);
alter table commission_state enable row level security, force row level security;
create policy commission_state_brand on commission_state
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger commission_state_append_only before delete or update on commission_state for each row
  execute function refuse_change();
create trigger commission_state_no_truncate before truncate on commission_state for each statement
  execute function refuse_change();
grant select, insert, update, delete on commission_state to hezong_referrals;

create table commission_party (
  commission_id uuid not null references commission(id),
  brand text not null,
  party text not null check (party in ('memberRebate', 'contributor', 'distributor', 'introducer', 'store', 'guide',
    'operator')),
  owner text not null,
  payee text not null,
  -- the brand through which it is earned; only this brand sees and converts it; null for the operator
  through text,
  currency text not null,
  cap bigint,
  held bigint not null default 0 check (held >= 0),
  -- amount taken by conversions and payouts: the sum of its draws
  taken bigint not null default 0,
  -- whether the brand through which it is earned may know of it; it learns what its promoters earn on other brands' orders only in
  -- sums over several buyers
  told boolean not null,
  primary key (commission_id, party),
  constraint commission_party_taken check (taken >= 0 and taken <= held)
);
create index commission_party_owner on commission_party (owner, through, currency);
create index commission_party_free on commission_party (currency, owner, commission_id) where held > taken
  and owner ~ '^(wallet|store|guide):';
create index commission_party_untold on commission_party (owner, through, currency) where not told;
alter table commission_party enable row level security, force row level security;
create policy commission_party_brand on commission_party
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger commission_party_no_delete before delete on commission_party for each row
  execute function refuse_change();
grant select, insert, update, delete on commission_party to hezong_referrals;

create table leg (
  id uuid primary key,
  entry_id uuid not null,
  commission_id uuid not null,
  brand text not null,
  party text not null,
  owner text not null,
  payee text not null,
  amount bigint not null check (amount <> 0),
  currency text not null,
  reverses_leg_id uuid references leg(id),
  posted_at timestamptz not null,
  day date not null,
  -- whether settlement received it immediately; otherwise it is part of what settlement receives when the share's brand is told
  settled boolean not null,
  unique (entry_id, party),
  check ((reverses_leg_id is not null) = (amount < 0)),
  foreign key (commission_id, party) references commission_party(commission_id, party)
);
create index leg_of_commission on leg (commission_id, party);
create index leg_day on leg (owner, day, brand);
-- legs are stored in the order of their days
create index leg_by_day on leg using brin (day);
create index leg_by_time on leg using brin (posted_at);
alter table leg enable row level security, force row level security;
create policy leg_brand on leg
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger leg_append_only before delete or update on leg for each row execute function refuse_change();
create trigger leg_no_truncate before truncate on leg for each statement execute function refuse_change();
create trigger leg_applied after insert on leg referencing new table as added for each statement
  execute function apply_legs();
grant select, insert, update, delete on leg to hezong_referrals;

-- What settlement received when brands were told of their shares: the amount at that time, one entry per share.
create table told_share (
  entry_id uuid primary key,
  commission_id uuid not null,
  brand text not null,
  party text not null,
  payee text not null,
  amount bigint not null check (amount > 0),
  currency text not null,
  posted_at timestamptz not null,
  unique (commission_id, party),
  foreign key (commission_id, party) references commission_party(commission_id, party)
);
create index told_share_by_time on told_share (posted_at);
alter table told_share enable row level security, force row level security;
create policy told_share_brand on told_share
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger told_share_append_only before delete or update on told_share for each row
  execute function refuse_change();
create trigger told_share_no_truncate before truncate on told_share for each statement execute function refuse_change();
grant select, insert, update, delete on told_share to hezong_referrals;

-- Up to the day told, brands know what their promoters earned. Days up to through get no more legs. Roots exist for days up to
-- sealed, except those in day_fault. Everything recorded later belongs to the first open day.
create table closed_days (
  one boolean default true primary key check (one),
  through date not null default '-infinity'::date,
  sealed date not null default '-infinity'::date,
  told date not null default '-infinity'::date,
  check (sealed <= through),
  check (told <= through)
);
create trigger closed_days_forward before insert or delete or update on closed_days for each row
  execute function guard_closed_days();
grant select, insert, update, delete on closed_days to hezong_referrals;

-- Days whose roots could not be stored, and why. They are retried and delay no other day.
create table day_fault (
  day date primary key,
  fault text not null
);
grant select, insert, update, delete on day_fault to hezong_referrals;

-- The legs of a day as of its close: those of each contributor at each seller, and (contributor null) those of all parties of a
-- seller.
create table commission_day (
  day date not null,
  seller text not null,
  contributor text not null,
  currency text not null,
  amount numeric(38, 0) not null,
  legs integer not null check (legs > 0),
  root text not null,
  -- hash of whose legs they are; not shown, and in no leaf, because readers do not see owners
  owners text not null,
  primary key (day, seller, contributor, currency)
);
create index commission_day_contributor on commission_day (contributor, day) where contributor <> '';
alter table commission_day enable row level security, force row level security;
create policy commission_day_brand on commission_day
  using (current_setting('hezong.brand', true) = seller or current_setting('hezong.brand', true) = contributor
    or current_setting('hezong.brand', true) = '*');
create trigger commission_day_append_only before delete or update on commission_day for each row
  execute function refuse_change();
create trigger commission_day_no_truncate before truncate on commission_day for each statement
  execute function refuse_change();
grant select, insert, update, delete on commission_day to hezong_referrals;

create table commission_return (
  return_id text primary key,
  commission_id uuid not null,
  brand text not null,
  taken bigint not null check (taken >= 0)
);
alter table commission_return enable row level security, force row level security;
create policy commission_return_brand on commission_return
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger commission_return_append_only before delete or update on commission_return for each row
  execute function refuse_change();
create trigger commission_return_no_truncate before truncate on commission_return for each statement
  execute function refuse_change();
grant select, insert, update, delete on commission_return to hezong_referrals;

-- Amounts used of an offer's budget and caps, for offers that have any.
create table offer_usage (
  scope text primary key,
  amount numeric(38, 0) not null default 0
);
grant select, insert, update, delete on offer_usage to hezong_referrals;

create table conversion (
  id uuid primary key,
  owner text not null,
  wallet_id text not null,
  brand text not null,
  currency text not null,
  -- a negative amount takes points back after a refund
  amount bigint not null check (amount <> 0),
  asset text not null default 'PTS',
  points bigint not null,
  price_micro bigint not null check (price_micro > 0),
  cost_micro numeric(38, 0) generated always as ((points::numeric * price_micro::numeric)) stored,
  remainder_micro
    numeric(38,
    0) generated always as ((amount::numeric * 1000000::numeric - points::numeric * price_micro::numeric)) stored,
  reverses uuid references conversion(id),
  at timestamptz not null,
  check ((amount < 0) = (reverses is not null)),
  check
    ( case when reverses is null then points > 0 and (points::numeric * price_micro::numeric) <=
    (amount::numeric * 1000000::numeric) else points <= 0 end)
);
create index conversion_owner on conversion (owner, at, id);
create index conversion_at on conversion (at);
create index conversion_reverses on conversion (reverses) where reverses is not null;
alter table conversion enable row level security, force row level security;
create policy conversion_brand on conversion
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger conversion_append_only before delete or update on conversion for each row
  execute function refuse_change();
create trigger conversion_no_truncate before truncate on conversion for each statement execute function refuse_change();
create constraint trigger conversion_drawn after insert on conversion deferrable initially deferred for each row
  execute function check_conversion();
grant select, insert, update, delete on conversion to hezong_referrals;

-- The ledger's answer; a declined conversion no longer holds anything.
create table conversion_answer (
  conversion_id uuid primary key references conversion(id),
  brand text not null,
  outcome text not null check (outcome in ('posted', 'declined')),
  -- a code of the error catalogue
  reason text,
  at timestamptz not null,
  check ((outcome = 'declined') = (reason is not null))
);
alter table conversion_answer enable row level security, force row level security;
create policy conversion_answer_brand on conversion_answer
  using (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*')
  with check (current_setting('hezong.brand', true) = brand or current_setting('hezong.brand', true) = '*');
create trigger conversion_answer_append_only before delete or update on conversion_answer for each row
  execute function refuse_change();
create trigger conversion_answer_no_truncate before truncate on conversion_answer for each statement
  execute function refuse_change();
create constraint trigger conversion_drawn_answer after insert on conversion_answer deferrable initially deferred
  for each row execute function check_conversion();
grant select, insert, update, delete on conversion_answer to hezong_referrals;

create table payout (
  id uuid primary key,
  currency text not null,
  state text not null default 'draft' check (state in ('draft', 'released', 'paid', 'cancelled')),
  maker text not null,
  released_by text,
  checker text,
  -- hash of the payload that the checker approved
  approved_hash text,
  confirmed_by text,
  created_at timestamptz not null,
  released_at timestamptz,
  paid_at timestamptz,
  -- two people: one approves, another releases
  constraint payout_two_people check (checker is null or checker <> released_by),
  check (num_nonnulls(checker, released_by) = case when state in ('released', 'paid') then 2 else 0 end),
  constraint payout_what_was_approved check ((approved_hash is null) = (checker is null)),
  check ((paid_at is not null) = (state = 'paid'))
);
create trigger payout_guard before insert or delete or update on payout for each row execute function guard_payout();
create constraint trigger payout_drawn after update on payout deferrable initially deferred for each row
  when (old.state = 'draft' and new.state = 'released') execute function check_payout();
grant select, insert, update, delete on payout to hezong_referrals;

create table payout_item (
  payout_id uuid not null references payout(id),
  owner text not null,
  gross bigint not null check (gross > 0),
  netted bigint not null check (netted >= 0),
  tax bigint not null default 0 check (tax >= 0),
  -- 0: all of it repaid debts
  net bigint not null,
  -- what was drawn from each share at the release, as [commission, party, net, netted]
  shares jsonb not null,
  hash text not null,
  -- approved, but the person was erased before the release: nobody was paid
  left_out boolean not null default false,
  primary key (payout_id, owner),
  check (net >= 0 and net = (gross - netted - tax))
);
create trigger payout_item_append_only before delete or update on payout_item for each row
  execute function refuse_change();
create trigger payout_item_no_truncate before truncate on payout_item for each statement
  execute function refuse_change();
grant select, insert, update, delete on payout_item to hezong_referrals;

create table erased_payee_decision (
  id uuid primary key,
  owner text not null,
  currency text not null,
  decision text not null check (decision in ('release', 'write_off')),
  -- amount owed at the decision, less debts; a write-off draws all of it, and nothing if it only repays debts
  amount bigint not null,
  reason text not null,
  maker text not null,
  checker text not null,
  at timestamptz not null,
  check (amount > 0 or amount = 0 and decision = 'write_off'),
  constraint erased_payee_two_people check (maker <> checker)
);
create index erased_payee_decision_owner on erased_payee_decision (owner, currency, id);
create trigger erased_payee_decision_append_only before delete or update on erased_payee_decision for each row
  execute function refuse_change();
create trigger erased_payee_decision_no_truncate before truncate on erased_payee_decision for each statement
  execute function refuse_change();
grant select, insert, update, delete on erased_payee_decision to hezong_referrals;

-- Each draw names the share of the commission that it takes from, and its purpose: points, money, a write-off, or (in the course
-- of these) an older debt.
create table earning_draw (
  id uuid primary key,
  commission_id uuid not null,
  party text not null,
  owner text not null,
  currency text not null,
  conversion_id uuid references conversion(id),
  payout_id uuid references payout(id),
  write_off_id uuid references erased_payee_decision(id),
  -- the draw whose debt this draw repays
  repays uuid references earning_draw(id),
  amount bigint not null check (amount > 0),
  -- free again: the payout was cancelled, or a refund came before anything was paid
  given_back bigint not null default 0 check (given_back >= 0),
  -- a debt: a refund came after the money was paid
  owed bigint not null default 0 check (owed >= 0),
  repaid bigint not null default 0,
  check (num_nonnulls(conversion_id, payout_id, write_off_id) = 1),
  check ((given_back + owed) <= amount),
  check (owed = 0 or payout_id is not null and repays is null),
  constraint earning_draw_repaid check (repaid >= 0 and repaid <= owed),
  foreign key (commission_id, party) references commission_party(commission_id, party)
);
create index earning_draw_share on earning_draw (commission_id, party);
create index earning_draw_owner on earning_draw (owner, currency);
create index earning_draw_payout on earning_draw (payout_id) where payout_id is not null;
create index earning_draw_write_off on earning_draw (write_off_id) where write_off_id is not null;
create index earning_draw_conversion on earning_draw (conversion_id) where conversion_id is not null;
create index earning_draw_debt on earning_draw (currency, owner) where owed > repaid;
create trigger earning_draw_guard before insert or delete or update on earning_draw for each row
  execute function guard_draw();
create trigger earning_draw_repays after insert on earning_draw referencing new table as added for each statement
  execute function repay_debts();
create trigger earning_draw_no_truncate before truncate on earning_draw for each statement
  execute function refuse_change();
create constraint trigger conversion_drawn_draw after insert or update on earning_draw deferrable initially deferred
  for each row when (new.conversion_id is not null) execute function check_conversion();
grant select, insert, update, delete on earning_draw to hezong_referrals;

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
grant select, insert, update, delete on outbox to hezong_referrals;

create table inbox (
  consumer_group text not null,
  event_id text not null,
  received_at timestamptz not null default now(),
  primary key (consumer_group, event_id)
);
create index inbox_age on inbox (received_at);
grant select, insert, update, delete on inbox to hezong_referrals;

create table relay_cursor (
  source text primary key,
  epoch integer not null,
  tx_id xid8 not null,
  seq bigint not null,
  cluster text not null,
  updated_at timestamptz not null default now()
);
grant select, insert, update, delete on relay_cursor to hezong_referrals;

create table parked_key (
  consumer_group text not null,
  topic text not null,
  key text not null,
  parked_at timestamptz not null default now(),
  release_at timestamptz,
  primary key (consumer_group, topic, key)
);
grant select, insert, update, delete on parked_key to hezong_referrals;

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
grant select, insert, update, delete on parked_record to hezong_referrals;

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
grant select, insert, update, delete on idempotency to hezong_referrals;

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
revoke all on operator_audit from hezong_referrals;
grant select, insert on operator_audit to hezong_referrals;

create table approval_use (
  approval_id text primary key,
  act text not null,
  maker text not null,
  checker text not null,
  used_at timestamptz not null default clock_timestamp(),
  constraint approval_use_two_people check (maker <> checker)
);
grant select, insert, update, delete on approval_use to hezong_referrals;

-- of libs/directory ---------------------------------------------------------------------------------------------------

create table brand_directory (
  slug text primary key,
  version bigint not null check (version > 0),
  snapshot jsonb not null
);
grant select, insert, update, delete on brand_directory to hezong_referrals;

create table brand_directory_part (
  slug text not null,
  part integer not null check (part >= 0),
  version bigint not null,
  snapshot jsonb not null,
  primary key (slug, part)
);
grant select, insert, update, delete on brand_directory_part to hezong_referrals;

-- of libs/postgres ----------------------------------------------------------------------------------------------------

create table reader_key (
  one boolean default true primary key check (one),
  key bytea not null check (octet_length(key) = 32)
);
create trigger reader_key_append_only before delete or update on reader_key for each row
  execute function refuse_change();
create trigger reader_key_no_truncate before truncate on reader_key for each statement execute function refuse_change();
grant select, insert, update, delete on reader_key to hezong_referrals;

-- functions -----------------------------------------------------------------------------------------------------------

\ir functions/alliance_now.sql
\ir functions/operator_audit_hash.sql
\ir functions/payee_barred.sql
\ir functions/person_erased.sql
\ir functions/person_keys.sql
