import { defineMigration } from '#libs/postgres';

/** What the posting functions have in common. None of these is granted to anybody: only the posting functions call them. */
const functions = `
  -- A new id for something of the wallet: it ends in the wallet's last byte.
  create function ledger_uuidv7(p_wallet uuid) returns uuid language sql volatile as $fn$
    select encode(set_bit(set_bit(overlay(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6)
      placing substring(uuid_send(p_wallet) from 16) from 16 for 1), 52, 1), 53, 1), 'hex')::uuid
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

  -- Expires what is due in wallets whose rows are locked: one posting an issuer and wallet, all wallets in one statement. Held points
  -- stay. p_lots narrows it to certain lots.
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
      select wallet_account, wallet_id, issuer, ledger_uuidv7(wallet_id) as posting_id, sum(remaining)::bigint as points,
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
        next_expiry = (select min(l.expires_at) from lot l where l.wallet_account = b.account_id and l.open and not l.pending
          and not l.debt and l.remaining > 0
          and not coalesce(case when p_lots is null then l.expires_at <= p_now else l.id = any(p_lots) end, false))
      from total t where b.account_id = t.account_id and b.slot = 0
      returning b.account_id, b.version - t.postings as version, b.wallet_version - t.postings as wallet_version,
        b.credits_posted - b.debits_posted + t.points as balance
    ), new_posting as (
      insert into posting (wallet_account, wallet_version, id, kind, wallet_id, brand, points, occurred_at, posted_at, reference, campaign)
      select p.wallet_account, m.wallet_version + p.place, p.posting_id, 'expiry', p.wallet_id, p.issuer, p.points,
        coalesce(p_occurred, p_now), p_now, p_reference, p.campaign
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

  -- Uses new points of one issuer to repay what the wallet owes that issuer. Spendable less debt stays the same.
  create function ledger_repay(p_slot smallint, p_account bigint, p_issuer text, p_origin uuid, p_now timestamptz) returns bigint
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare d record; l record; v_left bigint; v_take bigint; v_paid bigint; v_total bigint := 0; v_posting posting;
    v_lots uuid[]; v_points bigint[];
  begin
    for l in select * from lot where wallet_account = p_account and open and not pending and not debt and issuer = p_issuer
      and origin_id = p_origin and remaining > 0 and (expires_at is null or expires_at > p_now) order by expires_at, earned_at, id
    loop
      v_left := l.remaining; v_paid := 0; v_lots := '{}'; v_points := '{}';
      for d in select * from lot where wallet_account = p_account and open and debt and issuer = p_issuer order by earned_at, id loop
        exit when v_left = 0;
        v_take := least(v_left, d.remaining);
        update lot set remaining = remaining - v_take, open = remaining - v_take > 0 where wallet_account = p_account and id = d.id;
        v_lots := v_lots || d.id; v_points := v_points || v_take;
        v_left := v_left - v_take; v_paid := v_paid + v_take;
      end loop;
      exit when v_paid = 0;
      update lot set remaining = remaining - v_paid, open = remaining - v_paid + held > 0 where wallet_account = p_account and id = l.id;
      update account_balance set debt = debt - v_paid where account_id = p_account and slot = 0;
      v_posting := null;
      select wallet_id into strict v_posting.wallet_id from account where id = p_account;
      v_posting.id := ledger_uuidv7(v_posting.wallet_id);
      v_posting.kind := 'debt_repayment';
      v_posting.wallet_account := p_account;
      v_posting.brand := p_issuer;
      v_posting.member_ref := l.member_ref;
      v_posting.points := v_paid;
      v_posting.occurred_at := p_now;
      v_posting.posted_at := p_now;
      v_posting.reference := l.reference;
      v_posting.order_id := l.origin_id;
      perform ledger_post_one(p_slot, v_posting, 0, 0, null, l.id || v_lots, -v_paid || v_points,
        array_fill(null::uuid, array[cardinality(v_lots) + 1]));
      v_total := v_total + v_paid;
    end loop;
    return v_total;
  end $fn$;

  -- A wallet as it was when a batch had locked it.
  create type ledger_wallet as (account_id bigint, wallet_slot smallint, wallet_posted_at timestamptz, was_posted bigint,
    was_held bigint, was_pending bigint, was_debt bigint, was_version bigint, was_wallet_version bigint);

  -- Opens unknown wallets, locks all rows in ascending account id, sweeps what is due. Answers in the order of p_wallets.
  create function ledger_lock_wallets(p_slot smallint, p_now timestamptz, p_wallets uuid[]) returns ledger_wallet[]
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_due bigint[];
  begin
    for attempt in 1..4 loop
      select array_agg(row(b.account_id, b.slot, b.posted_at, b.credits_posted - b.debits_posted, b.debits_pending - b.credits_pending,
          b.pending, b.debt, b.version, b.wallet_version)::ledger_wallet order by k.place),
        array_agg(b.account_id) filter (where b.next_expiry <= p_now)
      into v_wallets, v_due
      from (select a.id, u.place from unnest(p_wallets) with ordinality u(wallet_id, place)
        cross join lateral (select id from account where wallet_id = u.wallet_id offset 0) a order by a.id) k
      cross join lateral (select * from account_balance where account_id = k.id and slot = 0 for no key update) b;
      if cardinality(v_wallets) = cardinality(p_wallets) then
        if v_due is null then return v_wallets; end if;
        perform ledger_sweep_wallets(p_slot, v_due, p_now);
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
