import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';

/**
 * The books. Keys of everything that belongs to a wallet begin with the wallet's cell, so that cells can be placed on several
 * servers. Hot tables have no foreign keys: only the posting functions write rows, under the wallet's lock, and the invariants check
 * the references.
 */
const tables = `
  create type posting_kind as enum ('accrual', 'accrual_pending', 'accrual_release', 'accrual_reversal', 'authorization',
    'capture', 'void', 'authorization_expired', 'redemption_return', 'expiry', 'debt_repayment', 'transfer_out', 'transfer_in');
  create type operation_kind as enum ('order', 'grant', 'reward', 'order_return', 'authorization', 'capture', 'void',
    'redemption_return', 'expiration', 'delivery', 'transfer');
  create type account_kind as enum ('issued', 'accepted', 'expired', 'transit');
  create type hold_status as enum ('authorized', 'partially_captured', 'captured', 'voided', 'expired');

  -- Of a wallet's id, of the id of anything that belongs to it, and of the digest of a key: fixed forever.
  create function ledger_cell(uuid) returns smallint language sql immutable strict parallel safe
    return (get_byte(uuid_send($1), 15) & 63)::smallint;
  grant execute on function ledger_cell(uuid) to public;

  -- This server. Transaction ids mean nothing on another one, so wherever they give the order of events an epoch stands before them.
  create table node (
    only_one boolean primary key default true check (only_one),
    epoch smallint not null,
    cluster text not null
  );
  insert into node (epoch, cluster) select 1, system_identifier from pg_control_system();

  -- Begins a new epoch where the database was moved to another cluster. Whoever posts or publishes asks first.
  create function ledger_enter_v1() returns smallint language plpgsql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
  declare v_cluster text; v_node node;
  begin
    select system_identifier into v_cluster from pg_control_system();
    select * into strict v_node from node;
    if v_node.cluster <> v_cluster then
      update node set epoch = epoch + 1, cluster = v_cluster where cluster <> v_cluster;
      select * into strict v_node from node;
    end if;
    return v_node.epoch;
  end $fn$;
  revoke execute on function ledger_enter_v1() from public;
  grant execute on function ledger_enter_v1() to hezong_ledger;

  -- The numbers of events within a transaction: postings, orders that earn nothing, and what happens to orders later.
  create sequence event_seq;

  -- Opened centrally, the same on every server: a leg names its account by number.
  create table brand_account (
    id integer primary key generated always as identity,
    owner text not null,
    kind account_kind not null,
    -- what it counts; everything filed under an account is of its asset
    asset text not null default 'PTS',
    opened_at timestamptz not null default clock_timestamp(),
    unique (owner, kind, asset)
  );

  -- What the legs of sealed postings come to, cell by cell: brand accounts authorize nothing, so nothing waits for their balance.
  create table brand_balance (
    cell smallint not null,
    account_id integer not null,
    legs bigint not null,
    credits numeric(38, 0) not null check (credits >= 0),
    debits numeric(38, 0) not null check (debits >= 0),
    primary key (cell, account_id)
  ) with (fillfactor = 70);

  -- A wallet and its mutex. Held points are part of what is posted, pending ones are counted apart. What ever went in and out has no
  -- bound and stands in the postings.
  create table wallet (
    cell smallint not null,
    -- place of its last event
    epoch smallint not null default 0,
    wallet_id uuid not null,
    xid xid8 not null default '0',
    wallet_version bigint not null default 0,
    posted bigint not null default 0,
    held bigint not null default 0,
    debt bigint not null default 0,
    pending bigint not null default 0,
    asset text not null default 'PTS',
    -- nothing of the wallet is due before this: no lot comes free or expires, no hold runs out. Whoever touches it later settles it first.
    next_due timestamptz,
    -- it has had points that cannot be spent everywhere: what can be is to be counted lot by lot
    limited boolean not null default false,
    posted_at timestamptz,
    -- points that orders and grants of all brands gave since then, the beginning of a day
    given_from timestamptz,
    given bigint not null default 0,
    -- the posting before the first that counts
    given_after bigint not null default 0,
    -- of debts that were written off, what no points that came free have met since
    written_off bigint not null default 0,
    primary key (cell, wallet_id),
    -- Floor and ceiling: less holds it may fall below zero by open debts only, and what is pending has room to come free. One CHECK a table, as PostgreSQL reads each of them anew
    -- for every statement.
    constraint wallet_within_bounds check (held >= 0 and debt >= 0 and pending >= 0 and written_off >= 0
      and cell = ledger_cell(wallet_id) and posted between held - debt and 9007199254740991 - pending)
  ) with (fillfactor = 70);

  -- What the amounts of a list come to; no list, no call.
  create function ledger_total(bigint[]) returns bigint language plpgsql immutable strict parallel safe as $fn$
  declare v_total bigint := 0; v_amount bigint;
  begin
    foreach v_amount in array $1 loop v_total := v_total + v_amount; end loop;
    return v_total;
  end $fn$;

  -- One immutable transaction with all its legs; the row is the event PostingRecorded. Its own legs of the wallet are spendable and
  -- pending; of brands mostly one account moves, others where several issuers give or take back. Every row by itself sums to zero.
  create table posting (
    cell smallint not null,
    -- place in the order of events: never before the wallet's previous one, whichever transaction began first
    epoch smallint not null,
    kind posting_kind not null,
    wallet_version bigint not null,
    xid xid8 not null,
    seq bigint not null default nextval('event_seq'),
    wallet_id uuid not null,
    id uuid not null,
    points bigint not null,
    spendable bigint not null,
    pending bigint not null,
    brand_points bigint,
    -- the wallet right after it
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
    -- the order, grant or transfer it belongs to
    order_id uuid,
    hold_id uuid,
    -- the other side of a transfer
    other_wallet_id uuid,
    -- the lot it made, the first of several: this movement has no row of its own
    lot_id uuid,
    other_accounts integer[],
    other_points bigint[],
    asset text not null default 'PTS',
    -- the redeemer's, as in force at the capture
    terms_id bigint,
    -- with the brand, so that a brand's entries are found in a wallet without reading those of others
    primary key (cell, wallet_id, wallet_version) include (brand),
    constraint posting_sums_to_zero check (points > 0 and (kind = 'capture') = (terms_id is not null)
      and spendable + pending + coalesce(brand_points, 0) + coalesce(ledger_total(other_points), 0) = 0
      and (brand_account is null) = (brand_points is null) and (other_accounts is null) = (other_points is null)
      and (other_points is null or cardinality(other_accounts) = cardinality(other_points)))
  );
  create index posting_relay on posting (epoch, xid, seq);
  -- postings come in the order of their times, or nearly: this costs writers next to nothing
  create index posting_time on posting using brin (posted_at) with (autosummarize = on);
  ${appendOnlySql('posting')}
  ${brandPolicySql('posting')}

  create view brand_entry with (security_invoker = true) as
    select cell, wallet_id, wallet_version, id as posting_id, brand_account as account_id, brand_points as amount
    from posting where brand_account is not null
    union all
    select cell, wallet_id, wallet_version, id, o.account_id, o.amount
    from posting cross join lateral unnest(other_accounts, other_points) o(account_id, amount) where other_accounts is not null;

  -- What a posting did to a lot that was there before, or to further lots that it made. Signed: positive adds to the member; a debt lot
  -- grows by negative points.
  create table allocation (
    cell smallint not null,
    ordinal smallint not null,
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
  ${appendOnlySql('allocation')}

  -- "open" (a boolean that changes once) carries the partial indexes, so that drawing from a lot stays a HOT update.
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
    -- what of it was lost to its end and no return has met since; of a debt, what was written off and no points have met since; null for nothing
    lapsed bigint,
    available_from timestamptz,
    expires_at timestamptz,
    -- the end that was agreed when the points were issued, where it was moved; infinity for none
    agreed_expires_at timestamptz,
    earned_at timestamptz not null,
    -- the issuer's, as in force when the points were issued; a debt has those of the points it stands for
    terms_id bigint not null,
    issuer text not null,
    asset text not null default 'PTS',
    -- where alone they can be spent, brand or brand/store; null for everywhere
    places text[],
    campaign text,
    reason text not null,
    rule_id text,
    origin_id uuid,
    -- the brand's own name of the order or grant, and its name of the member: what later postings of this lot say
    reference text,
    member_ref text,
    posting_id uuid not null,
    primary key (cell, wallet_id, id),
    constraint lot_within_points check (remaining >= 0 and held >= 0 and remaining + held + coalesce(lapsed, 0) <= points and open = (remaining + held > 0)
      and points > 0 and lapsed > 0 is not false and not (debt and (pending or held > 0)) and places <> '{}')
  ) with (fillfactor = 80);
  create index lot_open on lot (cell, wallet_id, expires_at, earned_at, id) where open;
  create index lot_lapsed on lot (cell, wallet_id, origin_id) where lapsed is not null;
  -- what waits for a delivery has an end and may wait beyond it: it must not stand before what is due
  create index lot_expiry on lot (expires_at) where open and not pending and expires_at is not null;
  create index lot_due on lot (available_from) where open and pending;
  -- also what is spent: it ends with its campaign, should it come back
  create index lot_campaign on lot (issuer, campaign, wallet_id) where campaign is not null;

  -- All that postings did to lots, in the order they did it.
  create view movement with (security_invoker = true) as
    select p.cell, p.wallet_id, p.wallet_version, 0::smallint as ordinal, p.id as posting_id, p.lot_id, l.points,
      null::uuid as original_posting_id, null::uuid as other_lot_id
    from posting p join lot l on l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = p.lot_id
    union all
    select cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points, original_posting_id, other_lot_id
    from allocation;

  -- An authorization, and what was answered to it: the figures are those of its posting.
  create table hold (
    cell smallint not null,
    id uuid not null,
    wallet_id uuid not null,
    -- the wallet's version of its posting; one that captured at once is its own first capture
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
    -- the redeemer's when the points were reserved: they hold for a capture after the contract has ended
    terms_id bigint not null,
    -- the version of the draw order that its lots were taken by
    draw_order integer not null,
    -- wallet versions of its capture postings, in order: give-backs walk them from the end
    captures bigint[] not null default '{}',
    primary key (cell, id),
    constraint hold_within_points check (points > 0 and captured >= 0 and released >= 0 and captured + released <= points
      and returned between 0 and captured and open = (captured + released < points))
  ) with (fillfactor = 80);
  create index hold_due on hold (expires_at) where open;
  create index hold_open on hold (cell, wallet_id, expires_at) where open;
  create unique index hold_quote on hold (cell, quote_id) where quote_id is not null;
  ${brandPolicySql('hold')}

  -- What a hold reserves of each lot; one that captured at once reserved nothing.
  create table hold_lot (
    cell smallint not null,
    ordinal smallint not null,
    hold_id uuid not null,
    lot_id uuid not null,
    points bigint not null,
    captured bigint not null default 0,
    released bigint not null default 0,
    primary key (cell, hold_id, ordinal),
    constraint hold_lot_within_points check (points > 0 and captured >= 0 and released >= 0 and captured + released <= points)
  ) with (fillfactor = 80);

  -- An order, and what was answered to it. Where it earned something its posting is the event of both; else the row is.
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
    -- of those reversed, what had expired by then: no posting moves it again
    points_expired bigint not null default 0,
    -- the answer's
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
    constraint purchase_within_points check (points_reversed between points_expired and points_earned and points_expired >= 0 and (posting_id is null) = (points_earned = 0)
      and (posting_id is null) = (seq is not null and xid is not null and epoch is not null))
  ) with (fillfactor = 90);
  create index purchase_relay on purchase (epoch, xid, seq) where seq is not null;
  ${brandPolicySql('purchase')}

  -- What happened to an order later.
  create table order_event (
    cell smallint not null,
    epoch smallint not null,
    xid xid8 not null,
    seq bigint not null default nextval('event_seq'),
    id uuid not null,
    purchase_id uuid not null,
    wallet_id uuid not null,
    occurred_at timestamptz not null,
    posted_at timestamptz not null,
    brand text not null,
    member_ref text not null,
    order_external_id text not null,
    external_id text not null,
    -- what a return took back, [lineId, quantity, net] each; null for a delivery
    lines json,
    primary key (cell, id)
  );
  create index order_event_relay on order_event (epoch, xid, seq);
  ${appendOnlySql('order_event')}
  ${brandPolicySql('order_event')}

  -- What a posting function answers, one row an item.
  create type ledger_outcome as (
    n integer, verdict text, replayed boolean, decline text, decline_limit bigint, result text,
    balance bigint, held bigint, pending bigint, debt bigint, detail text, subject_id uuid, posting_id uuid, posted_at timestamptz
  );

  revoke insert, update, delete, truncate, references, trigger
    on node, brand_account, brand_balance, wallet, posting, allocation, lot, hold, hold_lot, purchase, order_event
    from public, hezong_ledger;
  revoke all on sequence event_seq from public, hezong_ledger;
`;

export const coreTables = defineMigration({ id: '0001', name: 'core tables', up: tables });
