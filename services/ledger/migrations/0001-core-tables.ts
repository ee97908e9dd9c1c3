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

  -- The cell of a wallet's id, of the id of anything in that wallet, or of the digest of a key. It never changes.
  create function ledger_cell(uuid) returns smallint language sql immutable strict parallel safe
    return (get_byte(uuid_send($1), 15) & 63)::smallint;
  grant execute on function ledger_cell(uuid) to public;

  -- This server. Transaction ids are not comparable between servers, so wherever they order events, an epoch precedes them.
  create table node (
    only_one boolean primary key default true check (only_one),
    epoch smallint not null,
    cluster text not null
  );
  insert into node (epoch, cluster) select 1, system_identifier from pg_control_system();

  -- Begins a new epoch if the database was moved to another cluster. Called before anything is posted or published.
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

  -- Numbers the events of a transaction: postings, orders that earn nothing, and later events of orders.
  create sequence event_seq;

  -- Opened centrally and the same on every server: a leg refers to its account by number.
  create table brand_account (
    id integer primary key generated always as identity,
    owner text not null,
    kind account_kind not null,
    -- unit of the account and of everything filed under it
    asset text not null default 'PTS',
    opened_at timestamptz not null default clock_timestamp(),
    unique (owner, kind, asset)
  );

  -- Sum of the legs of sealed postings, cell by cell. Brand accounts authorize nothing, so nothing waits for their balance.
  create table brand_balance (
    cell smallint not null,
    account_id integer not null,
    legs bigint not null,
    credits numeric(38, 0) not null check (credits >= 0),
    debits numeric(38, 0) not null check (debits >= 0),
    primary key (cell, account_id)
  ) with (fillfactor = 70);

  -- A wallet, and its mutex. Held points are part of posted; pending points are counted separately. The totals that ever went in and
  -- out have no bound and are found in the postings.
  create table wallet (
    cell smallint not null,
    -- position of its last event
    epoch smallint not null default 0,
    wallet_id uuid not null,
    xid xid8 not null default '0',
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
      and cell = ledger_cell(wallet_id) and posted between held - debt and 9007199254740991 - pending)
  ) with (fillfactor = 70);

  -- Sum of a list of amounts; strict, so a null list costs no call.
  create function ledger_total(bigint[]) returns bigint language plpgsql immutable strict parallel safe as $fn$
  declare v_total bigint := 0; v_amount bigint;
  begin
    foreach v_amount in array $1 loop v_total := v_total + v_amount; end loop;
    return v_total;
  end $fn$;

  -- One immutable transaction with all its legs; the row is the event PostingRecorded. The wallet's own legs are spendable and
  -- pending. Usually one brand account moves; several move where several issuers give or take back points. Every row sums to zero.
  create table posting (
    cell smallint not null,
    -- position in the order of events: never before the wallet's previous event, whichever transaction began first
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
    -- with the brand, so that a brand's entries are found in a wallet without reading those of others
    primary key (cell, wallet_id, wallet_version) include (brand),
    constraint posting_sums_to_zero check (points > 0 and (kind = 'capture') = (terms_id is not null)
      and spendable + pending + coalesce(brand_points, 0) + coalesce(ledger_total(other_points), 0) = 0
      and (brand_account is null) = (brand_points is null) and (other_accounts is null) = (other_points is null)
      and (other_points is null or cardinality(other_accounts) = cardinality(other_points)))
  );
  create index posting_relay on posting (epoch, xid, seq);
  -- postings are stored nearly in the order of their times, so this index costs writers almost nothing
  create index posting_time on posting using brin (posted_at) with (autosummarize = on);
  ${appendOnlySql('posting')}
  ${brandPolicySql('posting')}

  create view brand_entry with (security_invoker = true) as
    select cell, wallet_id, wallet_version, id as posting_id, brand_account as account_id, brand_points as amount
    from posting where brand_account is not null
    union all
    select cell, wallet_id, wallet_version, id, o.account_id, o.amount
    from posting cross join lateral unnest(other_accounts, other_points) o(account_id, amount) where other_accounts is not null;

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
  ${appendOnlySql('allocation')}

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
    constraint lot_within_points check (remaining >= 0 and held >= 0 and remaining + held + coalesce(lapsed, 0) <= points and open = (remaining + held > 0)
      and points > 0 and lapsed > 0 is not false and not (debt and (pending or held > 0)) and places <> '{}')
  ) with (fillfactor = 80);
  create index lot_open on lot (cell, wallet_id, expires_at, earned_at, id) where open;
  create index lot_lapsed on lot (cell, wallet_id, origin_id) where lapsed is not null;
  -- A lot that waits for a delivery may wait beyond its expiry. It must not precede lots that are due.
  create index lot_expiry on lot (expires_at) where open and not pending and expires_at is not null;
  create index lot_due on lot (available_from) where open and pending;
  -- Spent lots too: if points come back, they expire with their campaign.
  create index lot_campaign on lot (issuer, campaign, wallet_id) where campaign is not null;

  -- All effects of postings on lots, in their order.
  create view movement with (security_invoker = true) as
    select p.cell, p.wallet_id, p.wallet_version, 0 as ordinal, p.id as posting_id, p.lot_id, l.points,
      null::uuid as original_posting_id, null::uuid as other_lot_id
    from posting p join lot l on l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = p.lot_id
    union all
    select cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points, original_posting_id, other_lot_id
    from allocation;

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
    captures bigint[] not null default '{}',
    primary key (cell, id),
    constraint hold_within_points check (points > 0 and captured >= 0 and released >= 0 and captured + released <= points
      and returned between 0 and captured and open = (captured + released < points))
  ) with (fillfactor = 80);
  create index hold_due on hold (expires_at) where open;
  create index hold_open on hold (cell, wallet_id, expires_at) where open;
  create unique index hold_quote on hold (cell, quote_id) where quote_id is not null;
  ${brandPolicySql('hold')}

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
    constraint hold_lot_within_points check (points > 0 and captured >= 0 and released >= 0 and captured + released <= points)
  ) with (fillfactor = 80);

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
    constraint purchase_within_points check (points_reversed between points_expired and points_earned and points_expired >= 0 and (posting_id is null) = (points_earned = 0)
      and (posting_id is null) = (seq is not null and xid is not null and epoch is not null))
  ) with (fillfactor = 90);
  create index purchase_relay on purchase (epoch, xid, seq) where seq is not null;
  ${brandPolicySql('purchase')}

  -- A later event of an order.
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
    -- lines of a return, each [lineId, quantity, net]; null for a delivery
    lines json,
    primary key (cell, id)
  );
  create index order_event_relay on order_event (epoch, xid, seq);
  ${appendOnlySql('order_event')}
  ${brandPolicySql('order_event')}

  -- Answer of a posting function, one row per item.
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
