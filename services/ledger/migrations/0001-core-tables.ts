import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/**
 * The books. Hot tables carry no foreign keys: every row is written by the posting functions, under the wallet's lock, and the
 * invariants check the references. Wallet account ids are low and brand accounts start at 2^62, so that in ascending lock order the
 * shared brand rows always come last. Every key starts with (or can be found through) the wallet: the distribution key.
 */
const tables = `
  create type posting_kind as enum ('accrual', 'accrual_pending', 'accrual_release', 'accrual_reversal', 'authorization',
    'capture', 'void', 'authorization_expired', 'redemption_return', 'expiry', 'debt_repayment');
  create type operation_kind as enum ('order', 'grant', 'order_return', 'authorization', 'capture', 'void',
    'redemption_return', 'expiration');
  create type account_kind as enum ('wallet', 'issued', 'accepted', 'expired');
  create type hold_status as enum ('authorized', 'partially_captured', 'captured', 'voided', 'expired');

  create sequence wallet_account_id maxvalue 4611686018427387903;
  create sequence brand_account_id minvalue 4611686018427387904;

  create table account (
    id bigint primary key,
    kind account_kind not null,
    wallet_id uuid unique,
    owner text,
    -- what it counts; everything filed under an account is of its asset
    asset text not null default 'PTS',
    created_at timestamptz not null default clock_timestamp(),
    unique (owner, kind),
    check ((kind = 'wallet') = (wallet_id is not null)),
    check ((kind = 'wallet') = (owner is null)),
    check ((kind = 'wallet') = (id < 4611686018427387904))
  );

  -- Four counters that only grow. posted = credits_posted - debits_posted; held = debits_pending - credits_pending.
  -- Wallets: slot 0 spendable (its row is the wallet's mutex), slot 1 pending. Brand accounts: one slot per writer.
  create table account_balance (
    account_id bigint not null,
    slot smallint not null,
    debits_posted bigint not null default 0,
    credits_posted bigint not null default 0,
    debits_pending bigint not null default 0,
    credits_pending bigint not null default 0,
    version bigint not null default 0,
    wallet_version bigint not null default 0,
    debt bigint not null default 0,
    -- what slot 1 holds, so that one row tells all of a wallet
    pending bigint not null default 0,
    -- no open lot with points to spend expires before this; what is due is swept when the wallet is next touched
    next_expiry timestamptz,
    posted_at timestamptz,
    primary key (account_id, slot),
    -- A wallet's floor and ceiling: less holds it may fall below zero by open debts only. One CHECK a table, as PostgreSQL reads
    -- each of them anew for every statement.
    constraint balance_within_bounds check (debits_pending >= credits_pending and credits_pending >= 0
      and debits_posted >= 0 and credits_posted >= 0 and debt >= 0 and pending >= 0 and (account_id >= 4611686018427387904
        or credits_posted - debits_posted between debits_pending - credits_pending - debt and 9007199254740991))
  ) with (fillfactor = 70);

  -- One immutable transaction; the row is the event PostingRecorded.
  create table posting (
    wallet_account bigint not null,
    wallet_version bigint not null,
    id uuid not null,
    seq bigint generated always as identity,
    xid xid8 not null default pg_current_xact_id(),
    kind posting_kind not null,
    wallet_id uuid not null,
    brand text not null,
    store text,
    member_ref text,
    points bigint not null check (points > 0),
    occurred_at timestamptz not null,
    posted_at timestamptz not null,
    reference text,
    -- the order or grant it belongs to
    order_id uuid,
    hold_id uuid,
    quoted_reimbursement_micro bigint,
    campaign text,
    asset text not null default 'PTS',
    -- the redeemer's, as in force at the capture
    terms_id bigint,
    primary key (wallet_account, wallet_version),
    constraint posting_stamped check ((kind = 'capture') = (terms_id is not null))
  );
  create index posting_relay on posting (xid, seq);
  ${appendOnlySql('posting')}
  ${brandPolicySql('posting')}

  -- One leg. Gapless versions per (account, slot): statement page, history and tamper check in one index.
  create table entry (
    account_id bigint not null,
    slot smallint not null,
    version bigint not null,
    posting_id uuid not null,
    amount bigint not null check (amount <> 0),
    balance_after bigint not null,
    primary key (account_id, slot, version)
  );
  ${appendOnlySql('entry')}
  create function entry_sums_to_zero() returns trigger language plpgsql as $fn$
  begin
    if exists (select from added group by posting_id having sum(amount) <> 0) then
      raise exception 'the legs of a posting do not sum to zero' using errcode = 'integrity_constraint_violation';
    end if;
    return null;
  end $fn$;
  create trigger entry_zero_sum after insert on entry referencing new table as added
    for each statement execute function entry_sums_to_zero();

  -- What a posting did to a lot. Signed: positive adds to the member; a debt lot grows by negative points.
  create table allocation (
    wallet_account bigint not null,
    wallet_version bigint not null,
    ordinal smallint not null,
    posting_id uuid not null,
    lot_id uuid not null,
    points bigint not null check (points <> 0),
    original_posting_id uuid,
    primary key (wallet_account, wallet_version, ordinal)
  );
  ${appendOnlySql('allocation')}

  -- "open" (a boolean that changes once) carries the partial indexes, so that drawing from a lot stays a HOT update.
  create table lot (
    wallet_account bigint not null,
    id uuid not null,
    issuer text not null,
    asset text not null default 'PTS',
    -- the issuer's, as in force when the points were issued; a debt has those of the points it stands for
    terms_id bigint not null,
    points bigint not null,
    remaining bigint not null,
    held bigint not null default 0,
    open boolean not null default true,
    pending boolean not null default false,
    debt boolean not null default false,
    available_from timestamptz,
    expires_at timestamptz,
    -- the end that was agreed when the points were issued, where it was brought forward; infinity for none
    agreed_expires_at timestamptz,
    earned_at timestamptz not null,
    campaign text,
    reason text not null,
    rule_id text,
    origin_id uuid,
    -- the brand's own name of the order or grant, and its name of the member: what later postings of this lot say
    reference text,
    member_ref text,
    posting_id uuid not null,
    primary key (wallet_account, id),
    constraint lot_within_points check (remaining >= 0 and held >= 0 and remaining + held <= points and open = (remaining + held > 0)
      and points > 0 and not (debt and (pending or held > 0)))
  ) with (fillfactor = 80);
  create index lot_open on lot (wallet_account, expires_at, earned_at, id) where open;
  create index lot_expiry on lot (expires_at) where open and expires_at is not null;
  create index lot_due on lot (available_from) where open and pending;
  create index lot_campaign on lot (issuer, campaign) where open and campaign is not null;

  create table hold (
    id uuid primary key,
    brand text not null,
    wallet_account bigint not null,
    wallet_id uuid not null,
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
    -- the redeemer's when the points were reserved: they hold for a capture after the contract has ended
    terms_id bigint not null,
    -- wallet versions of its capture postings, in order: give-backs walk them from the end
    captures bigint[] not null default '{}',
    constraint hold_within_points check (points > 0 and captured >= 0 and released >= 0 and captured + released <= points
      and returned between 0 and captured and open = (captured + released < points))
  ) with (fillfactor = 80);
  create index hold_due on hold (expires_at) where open;
  create unique index hold_quote on hold (quote_id) where quote_id is not null;
  ${brandPolicySql('hold')}

  create table hold_lot (
    hold_id uuid not null,
    ordinal smallint not null,
    lot_id uuid not null,
    points bigint not null,
    captured bigint not null default 0,
    released bigint not null default 0,
    primary key (hold_id, ordinal),
    constraint hold_lot_within_points check (points > 0 and captured >= 0 and released >= 0 and captured + released <= points)
  ) with (fillfactor = 80);

  create table purchase (
    id uuid primary key,
    brand text not null,
    wallet_account bigint not null,
    wallet_id uuid not null,
    member_ref text not null,
    store text,
    external_id text not null,
    occurred_at timestamptz not null,
    posted_at timestamptz not null,
    currency text not null,
    campaign text,
    document json not null,
    returned json,
    return_version integer not null default 0,
    points_earned bigint not null,
    points_reversed bigint not null default 0,
    posting_id uuid,
    constraint purchase_within_points check (points_reversed between 0 and points_earned)
  ) with (fillfactor = 90);
  ${brandPolicySql('purchase')}

  -- Permanent idempotency: what was asked under a business key and what was answered, declines included.
  create table operation (
    brand text not null,
    kind operation_kind not null,
    -- first 16 bytes of SHA-256 over external_id
    key bytea not null,
    external_id text not null,
    request_hash bytea not null,
    transport_key bytea,
    wallet_id uuid,
    subject_id uuid not null,
    posting_id uuid,
    decline text,
    decline_limit bigint,
    result json not null,
    balance bigint not null,
    held bigint not null,
    pending bigint not null,
    debt bigint not null,
    detail json,
    posted_at timestamptz not null,
    primary key (brand, kind, key)
  );
  create unique index operation_transport on operation (brand, transport_key) where transport_key is not null;
  ${appendOnlySql('operation')}
  ${brandPolicySql('operation')}

  -- What a posting function answers, one row an item.
  create type ledger_outcome as (
    n integer, verdict text, replayed boolean, decline text, decline_limit bigint, result text,
    balance bigint, held bigint, pending bigint, debt bigint, detail text, subject_id uuid, posting_id uuid, posted_at timestamptz
  );
  create type ledger_sweep as (postings integer, points bigint);

  revoke insert, update, delete, truncate, references, trigger
    on account, account_balance, posting, entry, allocation, lot, hold, hold_lot, purchase, operation from public, hezong_ledger;
  revoke all on sequence wallet_account_id, brand_account_id from public, hezong_ledger;
`;

export const coreTables = defineMigration({ id: '0001', name: 'core tables', up: tables });
