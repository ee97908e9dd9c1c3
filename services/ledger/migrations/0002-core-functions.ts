import { defineMigration } from '#libs/postgres';
import { brandAccount, MANY_LOTS } from './sql.js';

/** Functions shared by the posting functions. They are granted to no role: only the posting functions call them. */
const functions = `
  -- A new id for something in the wallet. It ends in the wallet's last byte.
  create function ledger_uuidv7(p_wallet uuid) returns uuid language sql volatile as $fn$
    select encode(set_bit(set_bit(overlay(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6)
      placing substring(uuid_send(p_wallet) from 16) from 16 for 1), 52, 1), 53, 1), 'hex')::uuid
  $fn$;

  -- Null if the account was never opened: a posting refuses such a leg.
  create function ledger_brand_account(p_owner text, p_kind account_kind) returns integer language sql stable as $fn$
    select id from brand_account where owner = p_owner and kind = p_kind
  $fn$;

  -- Opens the accounts of brands in a separate transaction before their first posting, so that no lock on them lasts while a batch
  -- runs.
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

  -- A locked wallet, with its next position in the order of events. A caller that makes many postings carries the row along and stores
  -- it once: a row that is updated repeatedly within a transaction takes longer and longer to find.
  create function ledger_take_up(p_wallet uuid) returns wallet language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare b wallet; v_epoch smallint;
  begin
    select * into strict b from wallet where cell = ledger_cell(p_wallet) and wallet_id = p_wallet;
    select epoch into strict v_epoch from node;
    b.xid := case when b.epoch = v_epoch then greatest(b.xid, pg_current_xact_id()) else pg_current_xact_id() end;
    b.epoch := v_epoch;
    return b;
  end $fn$;

  create function ledger_keep_wallet(b wallet) returns void language plpgsql volatile as $fn$
  begin
    update wallet w set wallet_version = b.wallet_version, posted = b.posted, held = b.held, debt = b.debt, pending = b.pending,
      written_off = b.written_off, next_due = b.next_due, posted_at = b.posted_at, epoch = b.epoch, xid = b.xid
    where w.cell = b.cell and w.wallet_id = b.wallet_id;
  end $fn$;

  -- One posting with all its legs and movements: the general way, for everything that is not a hot path. Returns the wallet after it.
  -- The wallet's own legs are spendable and pending; those of brand accounts must bring the sum to zero.
  create function ledger_add_posting(b wallet, p_posting posting, p_spendable bigint, p_pending bigint, p_accounts integer[],
    p_amounts bigint[], p_lots uuid[], p_points bigint[], p_originals uuid[], p_others uuid[] default null) returns wallet
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  begin
    b.wallet_version := b.wallet_version + 1; b.posted := b.posted + p_spendable; b.pending := b.pending + p_pending;
    b.posted_at := greatest(b.posted_at, p_posting.posted_at);
    insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
      other_accounts, other_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at,
      quoted_reimbursement_micro, brand, store, member_ref, reference, campaign, order_id, hold_id, other_wallet_id)
    values (b.cell, b.epoch, p_posting.kind, b.wallet_version, b.xid, b.wallet_id, p_posting.id, p_posting.points, p_spendable, p_pending,
      p_accounts[1], p_amounts[1], nullif(p_accounts[2:], '{}'), nullif(p_amounts[2:], '{}'),
      b.posted, b.held, b.pending, b.debt, p_posting.occurred_at,
      p_posting.posted_at, p_posting.quoted_reimbursement_micro, p_posting.brand, p_posting.store, p_posting.member_ref,
      p_posting.reference, p_posting.campaign, p_posting.order_id, p_posting.hold_id, p_posting.other_wallet_id);
    if p_lots <> '{}' then
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points, original_posting_id,
        other_lot_id)
      select b.cell, b.wallet_id, b.wallet_version, ord - 1, p_posting.id, lot_id, points, original, other
      from unnest(p_lots, p_points, p_originals, p_others) with ordinality as u(lot_id, points, original, other, ord);
    end if;
    return b;
  end $fn$;

  -- A single posting. The wallet's row must be locked.
  create function ledger_post_legs(p_posting posting, p_spendable bigint, p_pending bigint, p_accounts integer[], p_amounts bigint[],
    p_lots uuid[], p_points bigint[], p_originals uuid[], p_others uuid[] default null) returns void language plpgsql volatile as $fn$
  begin
    perform ledger_keep_wallet(ledger_add_posting(ledger_take_up(p_posting.wallet_id), p_posting, p_spendable, p_pending,
      p_accounts, p_amounts, p_lots, p_points, p_originals, p_others));
  end $fn$;

  -- The same against one brand account, which receives the sum of the wallet's legs, if it is not zero.
  create function ledger_post_one(p_posting posting, p_spendable bigint, p_pending bigint, p_brand_account integer,
    p_lots uuid[], p_points bigint[], p_originals uuid[], p_others uuid[] default null) returns void
  language plpgsql volatile as $fn$
  begin
    if p_spendable + p_pending = 0 then
      perform ledger_post_legs(p_posting, p_spendable, p_pending, '{}', '{}', p_lots, p_points, p_originals, p_others);
    else
      perform ledger_post_legs(p_posting, p_spendable, p_pending, array[p_brand_account], array[-p_spendable - p_pending],
        p_lots, p_points, p_originals, p_others);
    end if;
  end $fn$;

  -- The position in the order of events of a row of a locked wallet that is not a posting.
  create function ledger_place(p_wallet uuid, out epoch smallint, out xid xid8) language plpgsql volatile as $fn$
  begin
    update wallet w set epoch = n.epoch,
      xid = case when w.epoch = n.epoch then greatest(w.xid, pg_current_xact_id()) else pg_current_xact_id() end
    from node n where w.cell = ledger_cell(p_wallet) and w.wallet_id = p_wallet
    returning w.epoch, w.xid into strict epoch, xid;
  end $fn$;

  -- The brand whose order earned a lot of the operator, which funds the bonus of a rank; the issuer of any other lot.
  create function ledger_earned_at(p_cell smallint, p_issuer text, p_origin uuid) returns text
  language plpgsql stable as $fn$
  begin
    if p_issuer <> 'operator' then return p_issuer; end if;
    return coalesce((select brand from purchase where cell = p_cell and id = p_origin), p_issuer);
  end $fn$;

  -- Expires overdue points in wallets whose rows are locked: one posting per wallet, brand that earned them and expiry, all wallets in
  -- one statement. A rank's bonus that the operator funds expires together with the brand's own points: by themselves they would tell
  -- the brand of returns elsewhere, which take points of the operator alone. Held points stay. Computes anew when the wallets are next due. With p_until, points that expired later are left for now; p_hold is
  -- the hold that made the points available after their expiry.
  create function ledger_sweep_wallets(p_wallets uuid[], p_now timestamptz, p_until timestamptz default null,
    p_reference text default null, p_hold uuid default null, out postings integer, out points bigint)
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  begin
    with due as materialized (
      select l.*, ledger_earned_at(l.cell, l.issuer, l.origin_id) as brand
      from unnest(p_wallets) u(wallet_id) cross join lateral (select * from lot
        where cell = ledger_cell(u.wallet_id) and wallet_id = u.wallet_id and open and not pending and not debt and remaining > 0
        and expires_at <= coalesce(p_until, p_now) offset 0) l
    ), gone as (
      update lot l set remaining = 0, open = l.held > 0, lapsed = coalesce(l.lapsed, 0) + d.remaining
      from due d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.id
    ), part as materialized (
      select cell, wallet_id, brand, expires_at, ledger_uuidv7(wallet_id) as posting_id, sum(remaining)::bigint as points,
        sum(remaining) filter (where issuer = brand)::bigint as own, sum(remaining) filter (where issuer <> brand)::bigint as bonus,
        case when count(distinct campaign) = 1 then min(campaign) end as campaign, row_number() over w as place,
        sum(sum(remaining)) over w as running,
        array_agg(id order by earned_at, id) as lots, array_agg(-remaining order by earned_at, id) as amounts
      from due group by cell, wallet_id, brand, expires_at window w as (partition by wallet_id order by expires_at, brand)
    ), total as materialized (
      select u.wallet_id, count(p.brand) as postings, coalesce(sum(p.points), 0)::bigint as points
      from unnest(p_wallets) u(wallet_id) left join part p on p.wallet_id = u.wallet_id group by u.wallet_id
    ), moved as materialized (
      update wallet b set posted = b.posted - t.points, wallet_version = b.wallet_version + t.postings, epoch = n.epoch,
        xid = case when b.epoch = n.epoch then greatest(b.xid, pg_current_xact_id()) else pg_current_xact_id() end,
        posted_at = case when t.postings > 0 then greatest(b.posted_at, p_now) else b.posted_at end,
        next_due = least(
          (select min(case when l.pending then l.available_from
              when l.remaining > 0 and l.expires_at > p_now then l.expires_at end)
            from lot l where l.cell = b.cell and l.wallet_id = b.wallet_id and l.open and not l.debt),
          (select min(h.expires_at) from hold h where h.cell = b.cell and h.wallet_id = b.wallet_id and h.open))
      from total t cross join node n where b.cell = ledger_cell(t.wallet_id) and b.wallet_id = t.wallet_id
      returning b.wallet_id, b.wallet_version - t.postings as wallet_version, b.posted + t.points as balance,
        b.held, b.pending, b.debt, b.epoch, b.xid, greatest(b.posted_at, p_now) as posted_at
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        other_accounts, other_points, balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, brand, reference, campaign, hold_id)
      select p.cell, m.epoch, 'expiry', m.wallet_version + p.place, m.xid, p.wallet_id, p.posting_id, p.points, -p.points, 0,
        case when p.own is not null then ${brandAccount('p.brand', 'expired')} end, p.own,
        case when p.bonus is not null then array[${brandAccount("'operator'", 'expired')}] end,
        case when p.bonus is not null then array[p.bonus] end, m.balance - p.running, m.held, m.pending, m.debt, p.expires_at,
        m.posted_at, p.brand, p_reference, p.campaign, p_hold
      from part p join moved m using (wallet_id) order by p.wallet_id, p.place
    ), new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select p.cell, p.wallet_id, m.wallet_version + p.place, u.ord - 1, p.posting_id, u.lot_id, u.points
      from part p join moved m using (wallet_id) cross join lateral unnest(p.lots, p.amounts) with ordinality u(lot_id, points, ord)
    )
    select coalesce(sum(t.postings), 0)::integer, coalesce(sum(t.points), 0)::bigint into postings, points from total t;
  end $fn$;

  -- Spendable points meet what the wallet owes their issuer: lots by their expiry, oldest debt first. Called whenever points may have
  -- become available, so that no such points remain beside such a debt. A lot past its expiry meets the debts that are older than that
  -- expiry (it would have met them if it had been available) and those of its own order, which stand for its own points. Spendable
  -- points less debt stay the same. Returns the wallet. They meet at the later of both times of origin, whatever made the lot
  -- available today: that instant is the issuer's own and reveals nothing about the member's acts elsewhere. Then points that were
  -- written off for the issuer are met as the debt would have been: the same number of points expires. No return of their order takes
  -- these points again, because they stand for goods that have already come back: their allocations name the posting that created the
  -- debt. p_lots are the lots that became available; null for all. p_hold is the hold that made them available, if any.
  create function ledger_repay(b wallet, p_lots uuid[], p_now timestamptz, p_hold uuid) returns wallet
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare l lot; v_written_off boolean; v_issuer text; v_debts uuid[]; v_open bigint[]; v_wrote bigint[]; v_earned timestamptz[];
    v_origins uuid[]; v_sources uuid[]; v_first integer; i integer; v_left bigint; v_take bigint; v_paid bigint; v_posting posting;
    v_lots uuid[]; v_points bigint[]; v_originals uuid[]; v_met timestamptz;
  begin
    foreach v_written_off in array array[false, true] loop
      continue when case when v_written_off then b.written_off else b.debt end = 0;
      v_issuer := null;
      for l in select * from ledger_free_lots(b, p_lots, v_written_off) loop
        if l.issuer is distinct from v_issuer then
          if v_issuer is not null then perform ledger_keep_debts(b, v_written_off, v_debts, v_open, v_wrote); end if;
          v_issuer := l.issuer; v_first := 1;
          select d.ids, d.points, array_fill(0::bigint, array[cardinality(d.ids)]), d.earned, d.origins, d.sources
          into v_debts, v_open, v_wrote, v_earned, v_origins, v_sources from ledger_debts_to(b, l.issuer, v_written_off) d;
        end if;
        v_left := l.remaining; v_lots := '{}'; v_points := '{}'; v_originals := '{}'; i := v_first;
        v_met := greatest(l.earned_at, l.available_from);
        while v_left > 0 and i <= cardinality(v_debts) loop
          -- debts are sorted by age, so from here on only a debt of its own order can be met
          exit when v_earned[i] >= l.expires_at and (l.origin_id = any(v_origins)) is not true;
          if v_open[i] > 0 and ((v_earned[i] >= l.expires_at) is not true or v_origins[i] = l.origin_id) then
            v_take := least(v_left, v_open[i]); v_left := v_left - v_take; v_open[i] := v_open[i] - v_take;
            if l.reason = 'debt_write_off' then v_wrote[i] := v_wrote[i] + v_take; end if;
            v_lots := v_lots || v_debts[i]; v_points := v_points || v_take; v_originals := v_originals || v_sources[i];
            v_met := greatest(v_met, v_earned[i]);
          end if;
          i := i + 1;
        end loop;
        while v_open[v_first] = 0 loop v_first := v_first + 1; end loop;
        v_paid := l.remaining - v_left;
        continue when v_paid = 0;
        update lot set remaining = remaining - v_paid, open = remaining - v_paid + held > 0
        where cell = l.cell and wallet_id = l.wallet_id and id = l.id;
        v_posting := null;
        v_posting.id := ledger_uuidv7(l.wallet_id); v_posting.wallet_id := l.wallet_id; v_posting.brand := l.issuer;
        v_posting.points := v_paid; v_posting.occurred_at := v_met; v_posting.posted_at := p_now;
        if v_written_off then
          b.written_off := b.written_off - v_paid;
          v_posting.kind := 'expiry'; v_posting.campaign := l.campaign; v_posting.hold_id := p_hold;
          b := ledger_add_posting(b, v_posting, -v_paid, 0, array[ledger_brand_account(l.issuer, 'expired')], array[v_paid],
            array_fill(l.id, array[cardinality(v_points)]), array(select -p from unnest(v_points) with ordinality u(p, n) order by n), v_originals);
        else
          b.debt := b.debt - v_paid;
          if l.reason = 'debt_write_off' then b.written_off := b.written_off + v_paid; end if;
          v_posting.kind := 'debt_repayment'; v_posting.member_ref := l.member_ref; v_posting.reference := l.reference;
          v_posting.order_id := l.origin_id;
          b := ledger_add_posting(b, v_posting, 0, 0, '{}', '{}', l.id || v_lots, -v_paid || v_points,
            array_fill(null::uuid, array[cardinality(v_lots) + 1]));
        end if;
      end loop;
      if v_issuer is not null then perform ledger_keep_debts(b, v_written_off, v_debts, v_open, v_wrote); end if;
    end loop;
    return b;
  end $fn$;

  -- Lots with spendable points. With p_lots null, only lots of issuers to whom the wallet owes something, or who have written
  -- something off.
  create function ledger_free_lots(b wallet, p_lots uuid[], p_written_off boolean) returns setof lot
  language plpgsql stable as $fn$
  declare v_issuers text[];
  begin
    if p_lots is not null then
      return query select * from lot where cell = b.cell and wallet_id = b.wallet_id and id = any(p_lots)
        and open and not pending and not debt and remaining > 0 order by issuer, expires_at, earned_at, id;
    else
      if p_written_off then
        select array_agg(distinct issuer) into v_issuers from lot
        where cell = b.cell and wallet_id = b.wallet_id and debt and lapsed is not null;
      else
        select array_agg(distinct issuer) into v_issuers from lot where cell = b.cell and wallet_id = b.wallet_id and open and debt;
      end if;
      return query select * from lot where cell = b.cell and wallet_id = b.wallet_id
        and open and not pending and not debt and remaining > 0 and issuer = any(v_issuers)
        order by issuer, expires_at, earned_at, id;
    end if;
  end $fn$;

  -- Debts of a wallet to an issuer, or their written-off parts, oldest first.
  create function ledger_debts_to(b wallet, p_issuer text, p_written_off boolean, out ids uuid[], out points bigint[],
    out earned timestamptz[], out origins uuid[], out sources uuid[]) language plpgsql stable as $fn$
  declare l lot;
  begin
    ids := '{}'; points := '{}'; earned := '{}'; origins := '{}'; sources := '{}';
    for l in select * from lot where cell = b.cell and wallet_id = b.wallet_id and debt and lapsed is not null and issuer = p_issuer
        and p_written_off
      union all select * from lot where cell = b.cell and wallet_id = b.wallet_id and open and debt and issuer = p_issuer
        and not p_written_off
      order by earned_at, id
    loop
      ids := ids || l.id; points := points || case when p_written_off then l.lapsed else l.remaining end;
      earned := earned || l.earned_at; origins := origins || l.origin_id; sources := sources || l.posting_id;
    end loop;
  end $fn$;

  -- Stores the rest of debts, or of their written-off parts; p_wrote is the part of each debt written off just now.
  create function ledger_keep_debts(b wallet, p_written_off boolean, p_debts uuid[], p_points bigint[], p_wrote bigint[])
  returns void language plpgsql volatile as $fn$
  begin
    with d as materialized (
      select b.cell as cell, b.wallet_id as wallet_id, u.* from unnest(p_debts, p_points, p_wrote) as u(id, points, wrote)
    )
    update lot l set remaining = case when p_written_off then l.remaining else d.points end,
      open = not p_written_off and d.points > 0 or p_written_off and l.open,
      lapsed = nullif(case when p_written_off then d.points else coalesce(l.lapsed, 0) + d.wrote end, 0)
    from d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.id
      and d.points <> case when p_written_off then l.lapsed else l.remaining end;
  end $fn$;

  -- Makes a pending lot spendable.
  create function ledger_release_lot(b wallet, p_lot lot, p_occurred timestamptz, p_now timestamptz) returns wallet
  language plpgsql volatile as $fn$
  declare v_posting posting;
  begin
    update lot set pending = false
    where cell = p_lot.cell and wallet_id = p_lot.wallet_id and id = p_lot.id;
    b.next_due := least(b.next_due, p_lot.expires_at);
    v_posting.id := ledger_uuidv7(p_lot.wallet_id); v_posting.kind := 'accrual_release'; v_posting.wallet_id := p_lot.wallet_id;
    v_posting.brand := ledger_earned_at(p_lot.cell, p_lot.issuer, p_lot.origin_id); v_posting.member_ref := p_lot.member_ref;
    v_posting.points := p_lot.remaining;
    v_posting.occurred_at := p_occurred; v_posting.posted_at := p_now; v_posting.reference := p_lot.reference;
    v_posting.order_id := p_lot.origin_id; v_posting.campaign := p_lot.campaign;
    return ledger_add_posting(b, v_posting, p_lot.remaining, -p_lot.remaining, '{}', '{}', '{}', '{}', '{}');
  end $fn$;

  -- Ends a hold that has run out: what it still held returns to its lots.
  create function ledger_end_hold(b wallet, p_hold hold, p_now timestamptz) returns wallet language plpgsql volatile as $fn$
  declare v_posting posting; v_left bigint := p_hold.points - p_hold.captured - p_hold.released;
  begin
    with part as materialized (
      -- with the whole key, so that each row is found by key
      select cell, hold_id, p_hold.wallet_id as wallet_id, ordinal, lot_id, points - captured - released as freed from hold_lot
      where cell = p_hold.cell and hold_id = p_hold.id and points > captured + released
    ), freed as (
      update hold_lot k set released = k.released + part.freed
      from part where k.cell = part.cell and k.hold_id = part.hold_id and k.ordinal = part.ordinal
    )
    update lot l set held = l.held - part.freed, remaining = l.remaining + part.freed
    from part where l.cell = part.cell and l.wallet_id = part.wallet_id and l.id = part.lot_id;
    update hold set status = 'expired', open = false, released = released + v_left where cell = p_hold.cell and id = p_hold.id;
    b.held := b.held - v_left;
    v_posting.id := ledger_uuidv7(p_hold.wallet_id); v_posting.kind := 'authorization_expired'; v_posting.wallet_id := p_hold.wallet_id;
    v_posting.brand := p_hold.brand; v_posting.store := p_hold.store; v_posting.member_ref := p_hold.member_ref;
    v_posting.points := v_left; v_posting.occurred_at := p_hold.expires_at; v_posting.posted_at := p_now;
    v_posting.reference := p_hold.reference; v_posting.hold_id := p_hold.id;
    v_posting.quoted_reimbursement_micro := p_hold.quoted_reimbursement_micro; v_posting.campaign := p_hold.campaign;
    return ledger_add_posting(b, v_posting, 0, 0, '{}', '{}', '{}', '{}', '{}');
  end $fn$;

  -- Does everything due in wallets whose rows are locked. Points become available in the order of their instants and meet debts
  -- immediately, so the time of the call makes no difference; then lots expire. Points that a hold kept beyond their expiry expire in
  -- postings that name the hold. Returns the number of things done, and the points that repaid debts. p_hold is the hold that has just
  -- made points available.
  create function ledger_settle_wallets(p_wallets uuid[], p_now timestamptz, p_hold uuid default null, out done integer, out repaid bigint)
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare b wallet; v_wallet uuid; v_at timestamptz; e record; v_version bigint; v_debt bigint; v_late boolean;
  begin
    done := 0; repaid := 0;
    foreach v_wallet in array p_wallets loop
      b := ledger_take_up(v_wallet); v_at := greatest(b.posted_at, p_now); v_version := b.wallet_version; v_debt := b.debt;
      for e in select l.available_from as at, l.id, l as lot, null::hold as hold from lot l
          where l.cell = b.cell and l.wallet_id = b.wallet_id and l.open and l.pending and l.available_from <= p_now
        union all select h.expires_at, h.id, null, h from hold h
          where h.cell = b.cell and h.wallet_id = b.wallet_id and h.open and h.expires_at <= p_now
        order by 1, 2
      loop
        v_late := e.lot is null and exists (select from hold_lot k cross join lateral (select from lot
            where cell = b.cell and wallet_id = b.wallet_id and id = k.lot_id and expires_at <= e.at offset 0) l
          where k.cell = b.cell and k.hold_id = e.id and k.points > k.captured + k.released);
        if v_late then
          perform ledger_keep_wallet(b);
          done := done + (ledger_sweep_wallets(array[v_wallet], p_now, e.at)).postings;
          b := ledger_take_up(v_wallet);
        end if;
        if e.lot is null then
          b := ledger_end_hold(b, e.hold, v_at);
        else
          b := ledger_release_lot(b, e.lot, e.at, v_at);
        end if;
        done := done + 1;
        if b.debt + b.written_off > 0 then
          b := ledger_repay(b, case when e.lot is null
            then array(select k.lot_id from hold_lot k where k.cell = b.cell and k.hold_id = e.id) else array[e.id] end, v_at,
            case when e.lot is null then e.id end);
        end if;
        if v_late then
          perform ledger_keep_wallet(b);
          done := done + (ledger_sweep_wallets(array[v_wallet], p_now, e.at, p_hold => e.id)).postings;
          b := ledger_take_up(v_wallet);
        end if;
      end loop;
      if b.debt + b.written_off > 0 then b := ledger_repay(b, null, v_at, p_hold); end if;
      if b.wallet_version > v_version then perform ledger_keep_wallet(b); end if;
      repaid := repaid + v_debt - b.debt;
    end loop;
    done := done + (ledger_sweep_wallets(p_wallets, p_now, p_hold => p_hold)).postings;
  end $fn$;

  -- A wallet as it was when a batch had locked it, and its next position in the order of events.
  create type ledger_wallet as (cell smallint, epoch smallint, xid xid8, wallet_posted_at timestamptz, was_posted bigint,
    was_held bigint, was_pending bigint, was_debt bigint, was_limited boolean, was_wallet_version bigint,
    was_given_from timestamptz, was_given bigint, was_owing boolean);

  -- Opens unknown wallets, locks all rows in the order of their ids, and settles those where something is due. Returns them in the
  -- order of p_wallets. An older transaction may reach a wallet after a younger one: the wallet stores the position of its last event,
  -- and the next event never precedes it.
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

  -- The wallets among these that another transaction has locked.
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

  -- The wallets among these that have ${MANY_LOTS} lots or more, open or not.
  create function ledger_large_v1(p_wallets uuid[]) returns uuid[] language sql stable security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
    select coalesce(array_agg(u.id), '{}') from unnest(p_wallets) u(id) where ${MANY_LOTS} = (
      select count(*) from (select from lot where cell = ledger_cell(u.id) and wallet_id = u.id limit ${MANY_LOTS}) x)
  $fn$;
  revoke execute on function ledger_large_v1(uuid[]) from public;
  grant execute on function ledger_large_v1(uuid[]) to hezong_ledger;

  -- The business key of an operation, and what is stored with it.
  create type ledger_key as (brand text, kind operation_kind, key uuid, external_id text, hash bytea, transport_key uuid,
    wallet_id uuid, result text);

  -- Files the answer to an operation that was done. Points that it made available first meet debts and their own expiry; the figures
  -- are those after that. p_hold is the hold that made them available.
  create function ledger_file(p_key ledger_key, p_answer ledger_outcome, p_hold uuid default null) returns ledger_outcome
  language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare v_cell smallint := ledger_cell(p_key.wallet_id); b wallet; v_repaid bigint;
  begin
    select * into strict b from wallet where cell = v_cell and wallet_id = p_key.wallet_id;
    if b.debt + b.written_off > 0 or b.next_due <= p_answer.posted_at then
      select repaid into v_repaid from ledger_settle_wallets(array[p_key.wallet_id], p_answer.posted_at, p_hold);
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

  -- Whether points may be spent at a store of a brand, or at the brand without a store. Points transferred to another wallet are not
  -- spent anywhere, so there is no brand.
  create function ledger_allows(p_places text[], p_brand text, p_store text) returns boolean language sql immutable as $fn$
    select p_brand is null or p_places is null or p_places && array[p_brand, p_brand || '/' || p_store]
  $fn$;

  -- The part of a wallet's balance that can be spent there: no more than the lots allow. A debt is counted against the other points in
  -- the wallet.
  create function ledger_spendable_v1(p_wallet uuid, p_balance bigint, p_now timestamptz, p_brand text, p_store text) returns bigint
  language sql stable as $fn$
    select least(p_balance, coalesce(sum(remaining), 0))::bigint from lot
    where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and open and not pending and not debt and remaining > 0
      and (expires_at is null or expires_at > p_now) and ledger_allows(places, p_brand, p_store)
  $fn$;
  grant execute on function ledger_allows(text[], text, text), ledger_spendable_v1(uuid, bigint, timestamptz, text, text) to hezong_ledger;

  -- The lots that a spend at a place draws on: the alliance's preferences, then earliest expiry, earliest earned, id. A preference
  -- divides the lots in two, so several divide them into turns, taken one after the other. Reads no more lots than it needs.
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

  -- The turn of a lot: one binary digit per preference, the most important first, 0 if the preference applies to the lot.
  create function ledger_turn(p_prefers text[], p_limited boolean, p_own boolean) returns integer language sql immutable as $fn$
    select sum(case when case p when 'limited' then p_limited when 'own' then coalesce(p_own, false) end then 0
      else 1 << (cardinality(p_prefers) - n::integer) end)::integer
    from unnest(p_prefers) with ordinality u(p, n)
  $fn$;
`;

/** Functions run with the caller's settings; only entry points set their own, once per call. */
export const coreFunctions = defineMigration({ id: '0002', name: 'core functions', up: functions });
