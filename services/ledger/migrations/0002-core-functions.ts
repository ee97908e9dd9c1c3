import { defineMigration } from '#libs/postgres';

/** What the posting functions have in common. None of these is granted to anybody: only the posting functions call them. */
const functions = `
  create function ledger_uuidv7() returns uuid language sql volatile as $fn$
    select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
  $fn$;

  create function ledger_brand_account(p_owner text, p_kind account_kind) returns bigint language plpgsql volatile as $fn$
  declare v_id bigint;
  begin
    select id into v_id from account where owner = p_owner and kind = p_kind;
    if v_id is null then
      insert into account (id, kind, owner) values (nextval('brand_account_id'), p_kind, p_owner) on conflict (owner, kind) do nothing;
      select id into strict v_id from account where owner = p_owner and kind = p_kind;
    end if;
    return v_id;
  end $fn$;

  -- Opens the accounts of brands in a transaction of its own, before their first posting: opened inside batches, two lanes that meet
  -- the same new brands in different order would wait for each other.
  create function ledger_open_brands_v1(p_owners text[]) returns void language sql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
    insert into account (id, kind, owner)
    select nextval('brand_account_id'), x.kind, x.owner
    from (select distinct b.owner, k.kind
      from unnest(p_owners) b(owner), unnest(array['issued', 'accepted', 'expired']::account_kind[]) k(kind)
      where not exists (select from account a where a.owner = b.owner and a.kind = k.kind) order by b.owner, k.kind) x
    on conflict (owner, kind) do nothing
  $fn$;
  revoke execute on function ledger_open_brands_v1(text[]) from public;
  grant execute on function ledger_open_brands_v1(text[]) to hezong_ledger;

  -- Legs on brand accounts: adds to this writer's slot and files the entries behind it, in the order given.
  create function ledger_post_brand_legs(p_slot smallint, p_accounts bigint[], p_postings uuid[], p_amounts bigint[])
  returns setof entry language plpgsql volatile as $fn$
  #variable_conflict use_column
  begin
    return query
    with leg as materialized (
      select account_id, posting_id, amount, count(*) over w as place, sum(amount) over w as running,
        sum(greatest(amount, 0)) over w as credits, sum(greatest(-amount, 0)) over w as debits, ord
      from unnest(p_accounts, p_postings, p_amounts) with ordinality as u(account_id, posting_id, amount, ord)
      window w as (partition by account_id order by ord)
    ), total as (
      select distinct on (account_id) account_id, place as n, credits::bigint, debits::bigint from leg order by account_id, ord desc
    ), moved as (
      insert into account_balance as b (account_id, slot, credits_posted, debits_posted, version)
      select account_id, p_slot, credits, debits, n from total
      on conflict (account_id, slot) do update set credits_posted = b.credits_posted + excluded.credits_posted,
        debits_posted = b.debits_posted + excluded.debits_posted, version = b.version + excluded.version
      returning b.account_id, b.credits_posted - b.debits_posted as balance, b.version
    )
    select l.account_id, p_slot, m.version - t.n + l.place, l.posting_id, l.amount,
      (m.balance - t.credits + t.debits + l.running)::bigint
    from leg l join total t using (account_id) join moved m using (account_id);
  end $fn$;

  -- One posting with all its legs and movements: the plain way, for whatever is not a hot path. Wallet row must be locked.
  -- The wallet's own legs are spendable and pending; those of brand accounts must make their sum zero.
  create function ledger_post_legs(p_slot smallint, p_posting posting, p_spendable bigint, p_pending bigint, p_accounts bigint[],
    p_amounts bigint[], p_lots uuid[], p_points bigint[], p_originals uuid[]) returns bigint language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_version bigint; v_entry bigint; v_balance bigint; v_legs entry[] := '{}';
  begin
    update account_balance set wallet_version = wallet_version + 1,
      version = version + (p_spendable <> 0)::int,
      credits_posted = credits_posted + greatest(p_spendable, 0), debits_posted = debits_posted + greatest(-p_spendable, 0),
      pending = pending + p_pending, posted_at = greatest(posted_at, p_posting.posted_at)
    where account_id = p_posting.wallet_account and slot = 0
    returning wallet_version, version, credits_posted - debits_posted into strict v_version, v_entry, v_balance;
    if p_spendable <> 0 then
      v_legs := v_legs || row(p_posting.wallet_account, 0, v_entry, p_posting.id, p_spendable, v_balance)::entry;
    end if;
    if p_pending <> 0 then
      update account_balance set version = version + 1,
        credits_posted = credits_posted + greatest(p_pending, 0), debits_posted = debits_posted + greatest(-p_pending, 0)
      where account_id = p_posting.wallet_account and slot = 1
      returning version, credits_posted - debits_posted into strict v_entry, v_balance;
      v_legs := v_legs || row(p_posting.wallet_account, 1, v_entry, p_posting.id, p_pending, v_balance)::entry;
    end if;
    if cardinality(p_accounts) > 0 then
      insert into entry select * from unnest(v_legs) union all select * from ledger_post_brand_legs(p_slot, p_accounts,
        array_fill(p_posting.id, array[cardinality(p_accounts)]), p_amounts);
    else
      insert into entry select * from unnest(v_legs);
    end if;
    insert into posting (wallet_account, wallet_version, id, kind, wallet_id, brand, store, member_ref, points, occurred_at, posted_at,
      reference, order_id, hold_id, quoted_reimbursement_micro, campaign)
    values (p_posting.wallet_account, v_version, p_posting.id, p_posting.kind, p_posting.wallet_id, p_posting.brand, p_posting.store,
      p_posting.member_ref, p_posting.points, p_posting.occurred_at, p_posting.posted_at, p_posting.reference, p_posting.order_id,
      p_posting.hold_id, p_posting.quoted_reimbursement_micro, p_posting.campaign);
    insert into allocation (wallet_account, wallet_version, ordinal, posting_id, lot_id, points, original_posting_id)
    select p_posting.wallet_account, v_version, ord - 1, p_posting.id, lot_id, points, original
    from unnest(p_lots, p_points, p_originals) with ordinality as u(lot_id, points, original, ord);
    return v_version;
  end $fn$;

  -- A posting against one brand account: what the wallet's legs sum to, if anything, goes there.
  create function ledger_post_one(p_slot smallint, p_posting posting, p_spendable bigint, p_pending bigint, p_brand_account bigint,
    p_lots uuid[], p_points bigint[], p_originals uuid[]) returns bigint language plpgsql volatile as $fn$
  begin
    if p_spendable + p_pending = 0 then
      return ledger_post_legs(p_slot, p_posting, p_spendable, p_pending, '{}', '{}', p_lots, p_points, p_originals);
    end if;
    return ledger_post_legs(p_slot, p_posting, p_spendable, p_pending, array[p_brand_account], array[-p_spendable - p_pending],
      p_lots, p_points, p_originals);
  end $fn$;

  -- Expires what is past its end in wallets whose rows are locked: one posting an issuer and wallet, all wallets in one statement. Held
  -- points stay. p_lots narrows it to certain lots. Says anew when something of the wallets is next due.
  create function ledger_sweep_wallets(p_slot smallint, p_accounts bigint[], p_now timestamptz, p_lots uuid[] default null,
    p_reference text default null, p_occurred timestamptz default null, out postings integer, out points bigint)
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  begin
    with wallet as materialized (
      select u.account_id, k.wallet_id from unnest(p_accounts) u(account_id)
      cross join lateral (select wallet_id from account where id = u.account_id offset 0) k
    ), due as materialized (
      select w.wallet_id, l.* from wallet w cross join lateral (select * from lot where wallet_account = w.account_id and open
        and not pending and not debt and remaining > 0
        and case when p_lots is null then expires_at <= p_now else id = any(p_lots) end offset 0) l
    ), gone as (
      update lot l set remaining = 0, open = l.held > 0 from due d where l.wallet_account = d.wallet_account and l.id = d.id
    ), part as materialized (
      select wallet_account, wallet_id, issuer, ledger_uuidv7() as posting_id, sum(remaining)::bigint as points,
        case when count(distinct campaign) = 1 then min(campaign) end as campaign, row_number() over w as place,
        sum(sum(remaining)) over w as running
      from due group by wallet_account, wallet_id, issuer window w as (partition by wallet_account order by issuer)
    ), total as materialized (
      select u.account_id, count(p.issuer) as postings, coalesce(sum(p.points), 0)::bigint as points
      from unnest(p_accounts) u(account_id) left join part p on p.wallet_account = u.account_id group by u.account_id
    ), moved as materialized (
      update account_balance b set debits_posted = b.debits_posted + t.points, version = b.version + t.postings,
        wallet_version = b.wallet_version + t.postings,
        posted_at = case when t.postings > 0 then greatest(b.posted_at, p_now) else b.posted_at end,
        next_due = least(
          (select min(case when l.pending then l.available_from
              when l.remaining > 0 and not coalesce(case when p_lots is null then l.expires_at <= p_now else l.id = any(p_lots) end, false)
              then l.expires_at end)
            from lot l where l.wallet_account = b.account_id and l.open and not l.debt),
          (select min(h.expires_at) from hold h where h.wallet_account = b.account_id and h.open))
      from total t where b.account_id = t.account_id and b.slot = 0
      returning b.account_id, b.version - t.postings as version, b.wallet_version - t.postings as wallet_version,
        b.credits_posted - b.debits_posted + t.points as balance, greatest(b.posted_at, p_now) as posted_at
    ), new_posting as (
      insert into posting (wallet_account, wallet_version, id, kind, wallet_id, brand, points, occurred_at, posted_at, reference, campaign)
      select p.wallet_account, m.wallet_version + p.place, p.posting_id, 'expiry', p.wallet_id, p.issuer, p.points,
        coalesce(p_occurred, p_now), m.posted_at, p_reference, p.campaign
      from part p join moved m on m.account_id = p.wallet_account
    ), new_entry as (
      insert into entry (account_id, slot, version, posting_id, amount, balance_after)
      select p.wallet_account, 0, m.version + p.place, p.posting_id, -p.points, m.balance - p.running
      from part p join moved m on m.account_id = p.wallet_account
      union all
      select e.* from (select array_agg(ledger_brand_account(issuer, 'expired')) as accounts, array_agg(posting_id) as postings,
        array_agg(points) as amounts from part) g,
        ledger_post_brand_legs(p_slot, g.accounts, g.postings, g.amounts) e where g.accounts is not null
    ), new_allocation as (
      insert into allocation (wallet_account, wallet_version, ordinal, posting_id, lot_id, points)
      select d.wallet_account, m.wallet_version + p.place,
        row_number() over (partition by d.wallet_account, d.issuer order by d.expires_at, d.earned_at, d.id) - 1, p.posting_id, d.id,
        -d.remaining
      from due d join part p on p.wallet_account = d.wallet_account and p.issuer = d.issuer
      join moved m on m.account_id = d.wallet_account
    )
    select coalesce(sum(t.postings), 0)::integer, coalesce(sum(t.points), 0)::bigint into postings, points from total t;
  end $fn$;

  -- Points that can be spent meet what the wallet owes their issuer: lots by their end, oldest debt first. Called whenever something
  -- may have come free, so no such points lie beside such a debt afterwards. A lot past its end meets the debts that are older than that
  -- end: they would have met it, had it not been away. Spendable less debt stays the same. Answers the points.
  create function ledger_repay(p_slot smallint, p_account bigint, p_occurred timestamptz, p_now timestamptz) returns bigint
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare d record; l record; v_left bigint; v_take bigint; v_paid bigint; v_total bigint := 0; v_posting posting;
    v_lots uuid[]; v_points bigint[];
  begin
    for l in select * from lot where wallet_account = p_account and open and not pending and not debt and remaining > 0
      and issuer in (select issuer from lot where wallet_account = p_account and open and debt) order by expires_at, earned_at, id
    loop
      v_left := l.remaining; v_paid := 0; v_lots := '{}'; v_points := '{}';
      for d in select * from lot where wallet_account = p_account and open and debt and issuer = l.issuer
        and (l.expires_at is null or earned_at < l.expires_at) order by earned_at, id
      loop
        exit when v_left = 0;
        v_take := least(v_left, d.remaining);
        update lot set remaining = remaining - v_take, open = remaining - v_take > 0 where wallet_account = p_account and id = d.id;
        v_lots := v_lots || d.id; v_points := v_points || v_take;
        v_left := v_left - v_take; v_paid := v_paid + v_take;
      end loop;
      continue when v_paid = 0;
      update lot set remaining = remaining - v_paid, open = remaining - v_paid + held > 0 where wallet_account = p_account and id = l.id;
      update account_balance set debt = debt - v_paid where account_id = p_account and slot = 0;
      v_posting := null;
      v_posting.id := ledger_uuidv7();
      v_posting.kind := 'debt_repayment';
      v_posting.wallet_account := p_account;
      select wallet_id into strict v_posting.wallet_id from account where id = p_account;
      v_posting.brand := l.issuer;
      v_posting.member_ref := l.member_ref;
      v_posting.points := v_paid;
      v_posting.occurred_at := p_occurred;
      v_posting.posted_at := p_now;
      v_posting.reference := l.reference;
      v_posting.order_id := l.origin_id;
      perform ledger_post_one(p_slot, v_posting, 0, 0, null, l.id || v_lots, -v_paid || v_points,
        array_fill(null::uuid, array[cardinality(v_lots) + 1]));
      v_total := v_total + v_paid;
    end loop;
    return v_total;
  end $fn$;

  -- Makes a pending lot spendable.
  create function ledger_release_lot(p_slot smallint, p_lot lot, p_occurred timestamptz, p_now timestamptz) returns void
  language plpgsql volatile as $fn$
  declare v_posting posting;
  begin
    update lot set pending = false, available_from = p_occurred where wallet_account = p_lot.wallet_account and id = p_lot.id;
    v_posting.id := ledger_uuidv7(); v_posting.kind := 'accrual_release'; v_posting.wallet_account := p_lot.wallet_account;
    select wallet_id into strict v_posting.wallet_id from account where id = p_lot.wallet_account;
    v_posting.brand := p_lot.issuer; v_posting.member_ref := p_lot.member_ref; v_posting.points := p_lot.remaining;
    v_posting.occurred_at := p_occurred; v_posting.posted_at := p_now; v_posting.reference := p_lot.reference;
    v_posting.order_id := p_lot.origin_id; v_posting.campaign := p_lot.campaign;
    perform ledger_post_one(p_slot, v_posting, p_lot.remaining, -p_lot.remaining, null, '{}', '{}', '{}');
    update account_balance set next_due = least(next_due, p_lot.expires_at) where account_id = p_lot.wallet_account and slot = 0;
  end $fn$;

  -- Ends a hold whose time is over: what it still held goes back to its lots.
  create function ledger_end_hold(p_slot smallint, p_hold hold, p_now timestamptz) returns void language plpgsql volatile as $fn$
  declare v_posting posting; v_left bigint := p_hold.points - p_hold.captured - p_hold.released;
  begin
    with part as materialized (
      select ordinal, lot_id, points - captured - released as freed from hold_lot where hold_id = p_hold.id and points > captured + released
    ), freed as (
      update hold_lot k set released = k.released + part.freed from part where k.hold_id = p_hold.id and k.ordinal = part.ordinal
    )
    update lot l set held = l.held - part.freed, remaining = l.remaining + part.freed
    from part where l.wallet_account = p_hold.wallet_account and l.id = part.lot_id;
    update hold set status = 'expired', open = false, released = released + v_left where id = p_hold.id;
    update account_balance set credits_pending = credits_pending + v_left where account_id = p_hold.wallet_account and slot = 0;
    v_posting.id := ledger_uuidv7(); v_posting.kind := 'authorization_expired'; v_posting.wallet_account := p_hold.wallet_account;
    v_posting.wallet_id := p_hold.wallet_id; v_posting.brand := p_hold.brand; v_posting.store := p_hold.store;
    v_posting.member_ref := p_hold.member_ref; v_posting.points := v_left; v_posting.occurred_at := p_hold.expires_at;
    v_posting.posted_at := p_now; v_posting.reference := p_hold.reference; v_posting.hold_id := p_hold.id;
    v_posting.quoted_reimbursement_micro := p_hold.quoted_reimbursement_micro; v_posting.campaign := p_hold.campaign;
    perform ledger_post_one(p_slot, v_posting, 0, 0, null, '{}', '{}', '{}');
  end $fn$;

  -- Does what is due in wallets whose rows are locked. What comes free does so in the order of its instants and meets debts at once, so
  -- that it makes no difference when somebody comes to do it; then lots expire. Answers how many things were done, and the points that
  -- repaid debts.
  create function ledger_settle_wallets(p_slot smallint, p_accounts bigint[], p_now timestamptz, out done integer, out repaid bigint)
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_account bigint; v_at timestamptz; e record; v_debt bigint;
  begin
    done := 0; repaid := 0;
    foreach v_account in array p_accounts loop
      select debt, greatest(posted_at, p_now) into v_debt, v_at from account_balance where account_id = v_account and slot = 0;
      for e in select l.available_from as at, l.id, l as lot, null::hold as hold from lot l
          where l.wallet_account = v_account and l.open and l.pending and l.available_from <= p_now
        union all select h.expires_at, h.id, null, h from hold h where h.wallet_account = v_account and h.open and h.expires_at <= p_now
        order by 1, 2
      loop
        if e.lot is null then
          perform ledger_end_hold(p_slot, e.hold, v_at);
        else
          perform ledger_release_lot(p_slot, e.lot, e.at, v_at);
        end if;
        done := done + 1;
        if v_debt > 0 then repaid := repaid + ledger_repay(p_slot, v_account, e.at, v_at); end if;
      end loop;
      if v_debt > 0 then repaid := repaid + ledger_repay(p_slot, v_account, p_now, v_at); end if;
    end loop;
    done := done + (ledger_sweep_wallets(p_slot, p_accounts, p_now)).postings;
  end $fn$;

  -- A wallet as it was when a batch had locked it.
  create type ledger_wallet as (account_id bigint, wallet_slot smallint, wallet_posted_at timestamptz, was_posted bigint,
    was_held bigint, was_pending bigint, was_debt bigint, was_version bigint, was_wallet_version bigint);

  -- Opens unknown wallets, locks all rows in ascending account id, settles those where something is due. Answers in the order of p_wallets.
  create function ledger_lock_wallets(p_slot smallint, p_now timestamptz, p_wallets uuid[]) returns ledger_wallet[]
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_due bigint[];
  begin
    for attempt in 1..4 loop
      select array_agg(row(b.account_id, b.slot, b.posted_at, b.credits_posted - b.debits_posted, b.debits_pending - b.credits_pending,
          b.pending, b.debt, b.version, b.wallet_version)::ledger_wallet order by k.place),
        array_agg(b.account_id) filter (where b.next_due <= p_now)
      into v_wallets, v_due
      from (select a.id, u.place from unnest(p_wallets) with ordinality u(wallet_id, place)
        cross join lateral (select id from account where wallet_id = u.wallet_id offset 0) a order by a.id) k
      cross join lateral (select * from account_balance where account_id = k.id and slot = 0 for no key update) b;
      if cardinality(v_wallets) = cardinality(p_wallets) then
        if v_due is null then return v_wallets; end if;
        perform ledger_settle_wallets(p_slot, v_due, p_now);
      else
        insert into account (id, kind, wallet_id) select nextval('wallet_account_id'), 'wallet', w
          from (select w from unnest(p_wallets) w where not exists (select from account where wallet_id = w) order by w) fresh
          on conflict (wallet_id) do nothing;
        insert into account_balance (account_id, slot)
          select a.id, 0 from unnest(p_wallets) u(wallet_id) cross join lateral (select id from account where wallet_id = u.wallet_id offset 0) a
          order by a.id on conflict (account_id, slot) do nothing;
      end if;
    end loop;
    raise exception 'the wallets of a batch cannot be locked' using errcode = 'internal_error';
  end $fn$;

  -- The business key of an operation and what is kept with it.
  create type ledger_key as (brand text, kind operation_kind, key bytea, external_id text, hash bytea, transport_key bytea,
    wallet_id uuid, result text);

  -- Files the answer to an operation that was done. What has come free by it first meets debts and its own end: the numbers are those
  -- after that.
  create function ledger_file(p_slot smallint, p_account bigint, p_key ledger_key, p_answer ledger_outcome) returns ledger_outcome
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare b account_balance; v_repaid bigint;
  begin
    select * into strict b from account_balance where account_id = p_account and slot = 0;
    if b.debt > 0 or b.next_due <= p_answer.posted_at then
      select repaid into v_repaid from ledger_settle_wallets(p_slot, array[p_account], p_answer.posted_at);
      select * into strict b from account_balance where account_id = p_account and slot = 0;
      if v_repaid > 0 then
        p_answer.detail := (coalesce(p_answer.detail, '{}')::jsonb || jsonb_build_object('repaid', v_repaid))::text;
      end if;
    end if;
    p_answer.replayed := false;
    p_answer.held := b.debits_pending - b.credits_pending;
    p_answer.balance := b.credits_posted - b.debits_posted - p_answer.held;
    p_answer.pending := b.pending;
    p_answer.debt := b.debt;
    insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id, decline,
      decline_limit, result, balance, held, pending, debt, detail, posted_at)
    values (p_key.brand, p_key.kind, p_key.key, p_key.external_id, p_key.hash, p_key.transport_key, p_key.wallet_id, p_answer.subject_id,
      p_answer.posting_id, p_answer.decline, p_answer.decline_limit, p_key.result::json, p_answer.balance, p_answer.held, p_answer.pending,
      p_answer.debt, p_answer.detail::json, p_answer.posted_at);
    return p_answer;
  end $fn$;

  -- The lots a spend draws on: earliest expiry, earliest earned, then id. Reads only as many as it needs.
  create function ledger_draw(p_account bigint, p_points bigint, p_now timestamptz)
  returns table (ordinal integer, lot_id uuid, take bigint) language plpgsql stable as $fn$
  declare l record; v_left bigint := p_points;
  begin
    ordinal := 0;
    for l in select id, remaining from lot where wallet_account = p_account and open and not pending and not debt and remaining > 0
      and (expires_at is null or expires_at > p_now) order by expires_at, earned_at, id
    loop
      lot_id := l.id; take := least(v_left, l.remaining);
      return next;
      v_left := v_left - take; ordinal := ordinal + 1;
      exit when v_left = 0;
    end loop;
    if v_left > 0 then raise exception 'lots do not cover the balance of account %', p_account using errcode = 'data_corrupted'; end if;
  end $fn$;
`;

/** Every function runs with the caller's settings unless it is an entry point; those set them once a call. */
export const coreFunctions = defineMigration({ id: '0002', name: 'core functions', up: functions });
