import { defineMigration } from '#libs/postgres';
import { brandAccount } from './sql.js';

/** What the posting functions have in common. None of these is granted to anybody: only the posting functions call them. */
const functions = `
  -- A new id for something of the wallet: it ends in the wallet's last byte.
  create function ledger_uuidv7(p_wallet uuid) returns uuid language sql volatile as $fn$
    select encode(set_bit(set_bit(overlay(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6)
      placing substring(uuid_send(p_wallet) from 16) from 16 for 1), 52, 1), 53, 1), 'hex')::uuid
  $fn$;

  -- Null where it was never opened: a posting refuses such a leg.
  create function ledger_brand_account(p_owner text, p_kind account_kind) returns integer language sql stable as $fn$
    select id from brand_account where owner = p_owner and kind = p_kind
  $fn$;

  -- Opens the accounts of brands in a transaction of its own, before their first posting: no lock of it lasts while a batch runs.
  create function ledger_open_brands_v1(p_owners text[]) returns void language sql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
    insert into brand_account (owner, kind)
    select distinct b.owner, k.kind
    from unnest(p_owners) b(owner), unnest(array['issued', 'accepted', 'expired']::account_kind[]) k(kind)
    where not exists (select from brand_account a where a.owner = b.owner and a.kind = k.kind) order by b.owner, k.kind
    on conflict (owner, kind, asset) do nothing
  $fn$;
  revoke execute on function ledger_open_brands_v1(text[]) from public;
  grant execute on function ledger_open_brands_v1(text[]) to hezong_ledger;

  -- One posting with all its legs and movements: the plain way, for whatever is not a hot path. Wallet row must be locked.
  -- The wallet's own legs are spendable and pending; those of brand accounts must make their sum zero.
  create function ledger_post_legs(p_posting posting, p_spendable bigint, p_pending bigint, p_accounts integer[], p_amounts bigint[],
    p_lots uuid[], p_points bigint[], p_originals uuid[], p_others uuid[] default null) returns bigint language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare b wallet;
  begin
    update wallet w set wallet_version = w.wallet_version + 1,
      posted = w.posted + p_spendable, pending = w.pending + p_pending, posted_at = greatest(w.posted_at, p_posting.posted_at), epoch = n.epoch,
      xid = case when w.epoch = n.epoch then greatest(w.xid, pg_current_xact_id()) else pg_current_xact_id() end
    from node n where w.cell = ledger_cell(p_posting.wallet_id) and w.wallet_id = p_posting.wallet_id
    returning w.* into strict b;
    insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
      other_accounts, other_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at,
      quoted_reimbursement_micro, brand, store, member_ref, reference, campaign, order_id, hold_id, other_wallet_id)
    values (b.cell, b.epoch, p_posting.kind, b.wallet_version, b.xid, b.wallet_id, p_posting.id, p_posting.points, p_spendable, p_pending,
      p_accounts[1], p_amounts[1], nullif(p_accounts[2:], '{}'), nullif(p_amounts[2:], '{}'),
      b.posted, b.held, b.pending, b.debt, p_posting.occurred_at,
      p_posting.posted_at, p_posting.quoted_reimbursement_micro, p_posting.brand, p_posting.store, p_posting.member_ref,
      p_posting.reference, p_posting.campaign, p_posting.order_id, p_posting.hold_id, p_posting.other_wallet_id);
    insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points, original_posting_id,
      other_lot_id)
    select b.cell, b.wallet_id, b.wallet_version, ord - 1, p_posting.id, lot_id, points, original, other
    from unnest(p_lots, p_points, p_originals, p_others) with ordinality as u(lot_id, points, original, other, ord);
    return b.wallet_version;
  end $fn$;

  -- A posting against one brand account: what the wallet's legs sum to, if anything, goes there.
  create function ledger_post_one(p_posting posting, p_spendable bigint, p_pending bigint, p_brand_account integer,
    p_lots uuid[], p_points bigint[], p_originals uuid[], p_others uuid[] default null) returns bigint
  language plpgsql volatile as $fn$
  begin
    if p_spendable + p_pending = 0 then
      return ledger_post_legs(p_posting, p_spendable, p_pending, '{}', '{}', p_lots, p_points, p_originals, p_others);
    end if;
    return ledger_post_legs(p_posting, p_spendable, p_pending, array[p_brand_account], array[-p_spendable - p_pending],
      p_lots, p_points, p_originals, p_others);
  end $fn$;

  -- The place in the order of events for a row of a locked wallet that is no posting.
  create function ledger_place(p_wallet uuid, out epoch smallint, out xid xid8) language plpgsql volatile as $fn$
  begin
    update wallet w set epoch = n.epoch,
      xid = case when w.epoch = n.epoch then greatest(w.xid, pg_current_xact_id()) else pg_current_xact_id() end
    from node n where w.cell = ledger_cell(p_wallet) and w.wallet_id = p_wallet
    returning w.epoch, w.xid into strict epoch, xid;
  end $fn$;

  -- Expires what is past its end in wallets whose rows are locked: one posting an issuer and wallet, all wallets in one statement. Held
  -- points stay. p_lots narrows it to certain lots. Says anew when something of the wallets is next due.
  create function ledger_sweep_wallets(p_wallets uuid[], p_now timestamptz, p_lots uuid[] default null,
    p_reference text default null, p_occurred timestamptz default null, out postings integer, out points bigint)
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  begin
    with due as materialized (
      select l.* from unnest(p_wallets) u(wallet_id) cross join lateral (select * from lot
        where cell = ledger_cell(u.wallet_id) and wallet_id = u.wallet_id and open and not pending and not debt and remaining > 0
        and case when p_lots is null then expires_at <= p_now else id = any(p_lots) end offset 0) l
    ), gone as (
      update lot l set remaining = 0, open = l.held > 0, lapsed = coalesce(l.lapsed, 0) + d.remaining
      from due d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.id
    ), part as materialized (
      select cell, wallet_id, issuer, ledger_uuidv7(wallet_id) as posting_id, sum(remaining)::bigint as points,
        case when count(distinct campaign) = 1 then min(campaign) end as campaign, row_number() over w as place,
        sum(sum(remaining)) over w as running
      from due group by cell, wallet_id, issuer window w as (partition by wallet_id order by issuer)
    ), total as materialized (
      select u.wallet_id, count(p.issuer) as postings, coalesce(sum(p.points), 0)::bigint as points
      from unnest(p_wallets) u(wallet_id) left join part p on p.wallet_id = u.wallet_id group by u.wallet_id
    ), moved as materialized (
      update wallet b set posted = b.posted - t.points, wallet_version = b.wallet_version + t.postings, epoch = n.epoch,
        xid = case when b.epoch = n.epoch then greatest(b.xid, pg_current_xact_id()) else pg_current_xact_id() end,
        posted_at = case when t.postings > 0 then greatest(b.posted_at, p_now) else b.posted_at end,
        next_due = least(
          (select min(case when l.pending then l.available_from
              when l.remaining > 0 and not coalesce(case when p_lots is null then l.expires_at <= p_now else l.id = any(p_lots) end, false)
              then l.expires_at end)
            from lot l where l.cell = b.cell and l.wallet_id = b.wallet_id and l.open and not l.debt),
          (select min(h.expires_at) from hold h where h.cell = b.cell and h.wallet_id = b.wallet_id and h.open))
      from total t cross join node n where b.cell = ledger_cell(t.wallet_id) and b.wallet_id = t.wallet_id
      returning b.wallet_id, b.wallet_version - t.postings as wallet_version, b.posted + t.points as balance,
        b.held, b.pending, b.debt, b.epoch, b.xid, greatest(b.posted_at, p_now) as posted_at
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, brand, reference, campaign)
      select p.cell, m.epoch, 'expiry', m.wallet_version + p.place, m.xid, p.wallet_id, p.posting_id, p.points, -p.points, 0,
        ${brandAccount('p.issuer', 'expired')}, p.points, m.balance - p.running, m.held, m.pending, m.debt, coalesce(p_occurred, p_now),
        m.posted_at, p.issuer, p_reference, p.campaign
      from part p join moved m using (wallet_id) order by p.wallet_id, p.place
    ), new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select d.cell, d.wallet_id, m.wallet_version + p.place,
        row_number() over (partition by d.wallet_id, d.issuer order by d.expires_at, d.earned_at, d.id) - 1, p.posting_id, d.id,
        -d.remaining
      from due d join part p on p.wallet_id = d.wallet_id and p.issuer = d.issuer join moved m on m.wallet_id = d.wallet_id
    )
    select coalesce(sum(t.postings), 0)::integer, coalesce(sum(t.points), 0)::bigint into postings, points from total t;
  end $fn$;

  -- Points that can be spent meet what the wallet owes their issuer: lots by their end, oldest debt first. Called whenever something
  -- may have come free, so no such points lie beside such a debt afterwards. A lot past its end meets the debts that are older than that
  -- end (they would have met it, had it not been away) and those of its own order, which stand for its own points. Spendable less debt
  -- stays the same. Answers the points.
  create function ledger_repay(p_wallet uuid, p_occurred timestamptz, p_now timestamptz) returns bigint
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare d record; l record; v_cell smallint := ledger_cell(p_wallet); v_left bigint; v_take bigint; v_paid bigint; v_total bigint := 0;
    v_posting posting; v_lots uuid[]; v_points bigint[];
  begin
    for l in select * from lot where cell = v_cell and wallet_id = p_wallet and open and not pending and not debt and remaining > 0
      and issuer in (select issuer from lot where cell = v_cell and wallet_id = p_wallet and open and debt)
      order by expires_at, earned_at, id
    loop
      v_left := l.remaining; v_paid := 0; v_lots := '{}'; v_points := '{}';
      for d in select * from lot where cell = v_cell and wallet_id = p_wallet and open and debt and issuer = l.issuer
        and (l.expires_at is null or earned_at < l.expires_at or origin_id = l.origin_id) order by earned_at, id
      loop
        exit when v_left = 0;
        v_take := least(v_left, d.remaining);
        update lot set remaining = remaining - v_take, open = remaining - v_take > 0,
          lapsed = case when l.reason = 'debt_write_off' then coalesce(lapsed, 0) + v_take else lapsed end
        where cell = v_cell and wallet_id = p_wallet and id = d.id;
        v_lots := v_lots || d.id; v_points := v_points || v_take;
        v_left := v_left - v_take; v_paid := v_paid + v_take;
      end loop;
      continue when v_paid = 0;
      update lot set remaining = remaining - v_paid, open = remaining - v_paid + held > 0
      where cell = v_cell and wallet_id = p_wallet and id = l.id;
      update wallet set debt = debt - v_paid, written_off = written_off + case when l.reason = 'debt_write_off' then v_paid else 0 end
      where cell = v_cell and wallet_id = p_wallet;
      v_posting := null;
      v_posting.id := ledger_uuidv7(p_wallet);
      v_posting.kind := 'debt_repayment';
      v_posting.wallet_id := p_wallet;
      v_posting.brand := l.issuer;
      v_posting.member_ref := l.member_ref;
      v_posting.points := v_paid;
      v_posting.occurred_at := p_occurred;
      v_posting.posted_at := p_now;
      v_posting.reference := l.reference;
      v_posting.order_id := l.origin_id;
      perform ledger_post_one(v_posting, 0, 0, null, l.id || v_lots, -v_paid || v_points,
        array_fill(null::uuid, array[cardinality(v_lots) + 1]));
      v_total := v_total + v_paid;
    end loop;
    perform ledger_meet_write_offs(p_wallet, p_occurred, p_now);
    return v_total;
  end $fn$;

  -- Points that can be spent meet what was written off for their issuer, as they would have met the debt: as many expire, oldest debt
  -- first. No return of their order takes them again, as they stand for goods that came back already: their allocations name the
  -- posting that made the debt.
  create function ledger_meet_write_offs(p_wallet uuid, p_occurred timestamptz, p_now timestamptz) returns void
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare d record; l record; v_cell smallint := ledger_cell(p_wallet); v_take bigint; v_met bigint; v_posting posting;
    v_points bigint[]; v_originals uuid[];
  begin
    if not exists (select from wallet where cell = v_cell and wallet_id = p_wallet and written_off > 0) then return; end if;
    for l in select * from lot where cell = v_cell and wallet_id = p_wallet and open and not pending and not debt and remaining > 0
      and issuer in (select issuer from lot where cell = v_cell and wallet_id = p_wallet and debt and lapsed is not null)
      order by expires_at, earned_at, id
    loop
      v_met := 0; v_points := '{}'; v_originals := '{}';
      for d in select * from lot where cell = v_cell and wallet_id = p_wallet and debt and lapsed is not null and issuer = l.issuer
        and (l.expires_at is null or earned_at < l.expires_at or origin_id = l.origin_id) order by earned_at, id
      loop
        exit when v_met = l.remaining;
        v_take := least(l.remaining - v_met, d.lapsed);
        update lot set lapsed = nullif(d.lapsed - v_take, 0) where cell = v_cell and wallet_id = p_wallet and id = d.id;
        v_points := v_points || -v_take; v_originals := v_originals || d.posting_id; v_met := v_met + v_take;
      end loop;
      continue when v_met = 0;
      update lot set remaining = remaining - v_met, open = remaining - v_met + held > 0
      where cell = v_cell and wallet_id = p_wallet and id = l.id;
      update wallet set written_off = written_off - v_met where cell = v_cell and wallet_id = p_wallet;
      v_posting := null;
      v_posting.id := ledger_uuidv7(p_wallet); v_posting.kind := 'expiry'; v_posting.wallet_id := p_wallet;
      v_posting.brand := l.issuer; v_posting.points := v_met; v_posting.occurred_at := p_occurred; v_posting.posted_at := p_now;
      v_posting.campaign := l.campaign;
      perform ledger_post_one(v_posting, -v_met, 0, ledger_brand_account(l.issuer, 'expired'),
        array_fill(l.id, array[cardinality(v_points)]), v_points, v_originals);
    end loop;
  end $fn$;

  -- Makes a pending lot spendable.
  create function ledger_release_lot(p_lot lot, p_occurred timestamptz, p_now timestamptz) returns void
  language plpgsql volatile as $fn$
  declare v_posting posting;
  begin
    update lot set pending = false, available_from = p_occurred
    where cell = p_lot.cell and wallet_id = p_lot.wallet_id and id = p_lot.id;
    v_posting.id := ledger_uuidv7(p_lot.wallet_id); v_posting.kind := 'accrual_release'; v_posting.wallet_id := p_lot.wallet_id;
    v_posting.brand := p_lot.issuer; v_posting.member_ref := p_lot.member_ref; v_posting.points := p_lot.remaining;
    v_posting.occurred_at := p_occurred; v_posting.posted_at := p_now; v_posting.reference := p_lot.reference;
    v_posting.order_id := p_lot.origin_id; v_posting.campaign := p_lot.campaign;
    perform ledger_post_one(v_posting, p_lot.remaining, -p_lot.remaining, null, '{}', '{}', '{}');
    update wallet set next_due = least(next_due, p_lot.expires_at) where cell = p_lot.cell and wallet_id = p_lot.wallet_id;
  end $fn$;

  -- Ends a hold whose time is over: what it still held goes back to its lots.
  create function ledger_end_hold(p_hold hold, p_now timestamptz) returns void language plpgsql volatile as $fn$
  declare v_posting posting; v_left bigint := p_hold.points - p_hold.captured - p_hold.released;
  begin
    with part as materialized (
      select ordinal, lot_id, points - captured - released as freed from hold_lot
      where cell = p_hold.cell and hold_id = p_hold.id and points > captured + released
    ), freed as (
      update hold_lot k set released = k.released + part.freed
      from part where k.cell = p_hold.cell and k.hold_id = p_hold.id and k.ordinal = part.ordinal
    )
    update lot l set held = l.held - part.freed, remaining = l.remaining + part.freed
    from part where l.cell = p_hold.cell and l.wallet_id = p_hold.wallet_id and l.id = part.lot_id;
    update hold set status = 'expired', open = false, released = released + v_left where cell = p_hold.cell and id = p_hold.id;
    update wallet set held = held - v_left where cell = p_hold.cell and wallet_id = p_hold.wallet_id;
    v_posting.id := ledger_uuidv7(p_hold.wallet_id); v_posting.kind := 'authorization_expired'; v_posting.wallet_id := p_hold.wallet_id;
    v_posting.brand := p_hold.brand; v_posting.store := p_hold.store; v_posting.member_ref := p_hold.member_ref;
    v_posting.points := v_left; v_posting.occurred_at := p_hold.expires_at; v_posting.posted_at := p_now;
    v_posting.reference := p_hold.reference; v_posting.hold_id := p_hold.id;
    v_posting.quoted_reimbursement_micro := p_hold.quoted_reimbursement_micro; v_posting.campaign := p_hold.campaign;
    perform ledger_post_one(v_posting, 0, 0, null, '{}', '{}', '{}');
  end $fn$;

  -- Does what is due in wallets whose rows are locked. What comes free does so in the order of its instants and meets debts at once, so
  -- that it makes no difference when somebody comes to do it; then lots expire. Answers how many things were done, and the points that
  -- repaid debts.
  create function ledger_settle_wallets(p_wallets uuid[], p_now timestamptz, out done integer, out repaid bigint)
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_wallet uuid; v_cell smallint; v_at timestamptz; e record; v_owes boolean;
  begin
    done := 0; repaid := 0;
    foreach v_wallet in array p_wallets loop
      v_cell := ledger_cell(v_wallet);
      select debt + written_off > 0, greatest(posted_at, p_now) into v_owes, v_at from wallet where cell = v_cell and wallet_id = v_wallet;
      for e in select l.available_from as at, l.id, l as lot, null::hold as hold from lot l
          where l.cell = v_cell and l.wallet_id = v_wallet and l.open and l.pending and l.available_from <= p_now
        union all select h.expires_at, h.id, null, h from hold h
          where h.cell = v_cell and h.wallet_id = v_wallet and h.open and h.expires_at <= p_now
        order by 1, 2
      loop
        if e.lot is null then
          perform ledger_end_hold(e.hold, v_at);
        else
          perform ledger_release_lot(e.lot, e.at, v_at);
        end if;
        done := done + 1;
        if v_owes then repaid := repaid + ledger_repay(v_wallet, e.at, v_at); end if;
      end loop;
      if v_owes then repaid := repaid + ledger_repay(v_wallet, p_now, v_at); end if;
    end loop;
    done := done + (ledger_sweep_wallets(p_wallets, p_now)).postings;
  end $fn$;

  -- A wallet as it was when a batch had locked it, and its place in the order of events from here on.
  create type ledger_wallet as (cell smallint, epoch smallint, xid xid8, wallet_posted_at timestamptz, was_posted bigint,
    was_held bigint, was_pending bigint, was_debt bigint, was_limited boolean, was_wallet_version bigint,
    was_given_from timestamptz, was_given bigint, was_owing boolean);

  -- Opens unknown wallets, locks all rows in the order of their ids, settles those where something is due. Answers in the order of p_wallets.
  -- An older transaction may get to a wallet after a younger one: the wallet knows the place of its last event, and the next one
  -- never stands before it.
  create function ledger_lock_wallets(p_now timestamptz, p_wallets uuid[]) returns ledger_wallet[]
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_due uuid[]; v_epoch smallint;
  begin
    select epoch into strict v_epoch from node;
    for attempt in 1..4 loop
      select array_agg(row(k.cell, v_epoch, case when k.epoch = v_epoch then greatest(k.xid, pg_current_xact_id()) else pg_current_xact_id() end,
          k.posted_at, k.posted, k.held, k.pending, k.debt,
          k.limited, k.wallet_version, k.given_from, k.given, k.debt + k.written_off > 0)::ledger_wallet order by k.place),
        array_agg(k.wallet_id) filter (where k.next_due <= p_now)
      into v_wallets, v_due
      from (select w.*, u.place from unnest(p_wallets) with ordinality u(id, place)
        join wallet w on w.cell = ledger_cell(u.id) and w.wallet_id = u.id order by w.wallet_id for no key update of w) k;
      if cardinality(v_wallets) = cardinality(p_wallets) then
        if v_due is null then return v_wallets; end if;
        perform ledger_settle_wallets(v_due, p_now);
      else
        insert into wallet (cell, wallet_id) select ledger_cell(w), w from unnest(p_wallets) w order by w
          on conflict (cell, wallet_id) do nothing;
      end if;
    end loop;
    raise exception 'the wallets of a batch cannot be locked' using errcode = 'internal_error';
  end $fn$;

  -- Those of the wallets that another transaction has locked.
  create function ledger_locked_v1(p_wallets uuid[]) returns uuid[] language sql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
    with free as materialized (
      select w.wallet_id from unnest(p_wallets) u(id) join wallet w on w.cell = ledger_cell(u.id) and w.wallet_id = u.id
      for no key update of w skip locked
    )
    select coalesce(array_agg(w.wallet_id), '{}') from unnest(p_wallets) u(id)
    join wallet w on w.cell = ledger_cell(u.id) and w.wallet_id = u.id where w.wallet_id not in (select wallet_id from free)
  $fn$;
  revoke execute on function ledger_locked_v1(uuid[]) from public;
  grant execute on function ledger_locked_v1(uuid[]) to hezong_ledger;

  -- The business key of an operation and what is kept with it.
  create type ledger_key as (brand text, kind operation_kind, key uuid, external_id text, hash bytea, transport_key uuid,
    wallet_id uuid, result text);

  -- Files the answer to an operation that was done. What has come free by it first meets debts and its own end: the numbers are those
  -- after that.
  create function ledger_file(p_key ledger_key, p_answer ledger_outcome) returns ledger_outcome
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_cell smallint := ledger_cell(p_key.wallet_id); b wallet; v_repaid bigint;
  begin
    select * into strict b from wallet where cell = v_cell and wallet_id = p_key.wallet_id;
    if b.debt + b.written_off > 0 or b.next_due <= p_answer.posted_at then
      select repaid into v_repaid from ledger_settle_wallets(array[p_key.wallet_id], p_answer.posted_at);
      select * into strict b from wallet where cell = v_cell and wallet_id = p_key.wallet_id;
      if v_repaid > 0 then
        p_answer.detail := (coalesce(p_answer.detail, '{}')::jsonb || jsonb_build_object('repaid', v_repaid))::text;
      end if;
    end if;
    p_answer.replayed := false;
    p_answer.held := b.held;
    p_answer.balance := b.posted - b.held;
    p_answer.pending := b.pending;
    p_answer.debt := b.debt;
    if p_key.kind = 'order' then
      update purchase set balance = p_answer.balance, held = p_answer.held, pending = p_answer.pending, debt = p_answer.debt,
        repaid = nullif(v_repaid, 0)
      where cell = v_cell and id = p_answer.subject_id;
    else
      insert into operation (cell, kind, id, wallet_id, posting_id, posted_at, balance, held, pending, debt, decline_limit, request_hash,
        brand, external_id, decline, result, detail)
      values (v_cell, p_key.kind, p_answer.subject_id, p_key.wallet_id, p_answer.posting_id, p_answer.posted_at, p_answer.balance,
        p_answer.held, p_answer.pending, p_answer.debt, p_answer.decline_limit, p_key.hash, p_key.brand, p_key.external_id,
        p_answer.decline, p_key.result::json, p_answer.detail::json);
    end if;
    insert into claim (cell, key, wallet_id, operation_id)
    select ledger_cell(key), key, p_key.wallet_id, p_answer.subject_id from unnest(array[p_key.key, p_key.transport_key]) key
    where key is not null order by 1, 2;
    return p_answer;
  end $fn$;

  -- Whether points may be spent at a store of a brand, or at the brand without a store; points that go to another wallet are not spent
  -- anywhere, so there is no brand.
  create function ledger_allows(p_places text[], p_brand text, p_store text) returns boolean language sql immutable as $fn$
    select p_brand is null or p_places is null or p_places && array[p_brand, p_brand || '/' || p_store]
  $fn$;

  -- What of a wallet's balance can be spent there: no more than the lots allow. A debt is held against whatever else is in the wallet.
  create function ledger_spendable_v1(p_wallet uuid, p_balance bigint, p_now timestamptz, p_brand text, p_store text) returns bigint
  language sql stable as $fn$
    select least(p_balance, coalesce(sum(remaining), 0))::bigint from lot
    where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and open and not pending and not debt and remaining > 0
      and (expires_at is null or expires_at > p_now) and ledger_allows(places, p_brand, p_store)
  $fn$;
  grant execute on function ledger_allows(text[], text, text), ledger_spendable_v1(uuid, bigint, timestamptz, text, text) to hezong_ledger;

  -- The lots a spend at a place draws on: what the alliance prefers, then earliest expiry, earliest earned, id. A preference halves the
  -- lots, so several make turns of them, taken one after the other. Reads only as many lots as it needs.
  create function ledger_draw(p_cell smallint, p_wallet uuid, p_points bigint, p_now timestamptz, p_prefers text[], p_brand text,
    p_store text)
  returns table (ordinal integer, lot_id uuid, take bigint) language plpgsql stable as $fn$
  declare l record; v_left bigint := p_points;
  begin
    ordinal := 0;
    for v_turn in 0 .. (1 << cardinality(p_prefers)) - 1 loop
      for l in select id, remaining from lot where cell = p_cell and wallet_id = p_wallet and open and not pending and not debt
        and remaining > 0 and (expires_at is null or expires_at > p_now) and ledger_allows(places, p_brand, p_store)
        and (p_prefers = '{}' or v_turn = ledger_turn(p_prefers, places is not null, issuer = p_brand))
        order by expires_at, earned_at, id
      loop
        lot_id := l.id; take := least(v_left, l.remaining);
        return next;
        v_left := v_left - take; ordinal := ordinal + 1;
        exit when v_left = 0;
      end loop;
      exit when v_left = 0;
    end loop;
    if v_left > 0 then raise exception 'lots do not cover the balance of wallet %', p_wallet using errcode = 'data_corrupted'; end if;
  end $fn$;

  -- In which turn a lot is taken: one binary digit a preference, the weightiest first, 0 where the lot has it.
  create function ledger_turn(p_prefers text[], p_limited boolean, p_own boolean) returns integer language sql immutable as $fn$
    select sum(case when case p when 'limited' then p_limited when 'own' then coalesce(p_own, false) end then 0
      else 1 << (cardinality(p_prefers) - n::integer) end)::integer
    from unnest(p_prefers) with ordinality u(p, n)
  $fn$;
`;

/** Every function runs with the caller's settings unless it is an entry point; those set them once a call. */
export const coreFunctions = defineMigration({ id: '0002', name: 'core functions', up: functions });
