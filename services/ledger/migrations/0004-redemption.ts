import { defineMigration } from '#libs/postgres';
import {
  ANSWER_REPEATS,
  BIND_REPEATS,
  brandAccount,
  fileRestSql,
  FUNCTION_SETTINGS,
  ITEMS,
  itemType,
  keepSql,
  keySql,
  NEW_ITEMS,
  REPLAYS,
} from './sql.js';

/** Reserves points and the lots behind them; with `at_once` captures them in the same posting. */
const authorize = `
  ${itemType(
    'ledger_authorization_item',
    `member_ref text, store text, points bigint, expires_at timestamptz, quote_id uuid, quoted_reimbursement_micro bigint,
     campaign text, terms_id bigint, at_once boolean`,
  )}

  create function ledger_authorize_v1(p_now timestamptz, p_wallets uuid[], p_items ledger_authorization_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_order integer; v_prefers text[]; v_out ledger_outcome[]; v_repeated boolean;
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    select version, prefers into strict v_order, v_prefers from draw_order order by version desc limit 1;
    with w as materialized (
      select i.*, case when known then 'known' when i.quote_id is not null and exists (select from hold where cell = i.cell and quote_id = i.quote_id)
        then 'quote_used' when room < points then 'points_insufficient' end as decline
      from (select x.*, case when was_limited then ledger_spendable_v1(x.wallet_id, was_posted - was_held, x.at, x.brand, x.store)
          else was_posted - was_held end as room
        from (${ITEMS}) x) i
    ), d as materialized (
      select w.n, w.cell, w.wallet_id, w.id as hold_id, w.at_once, w.posting_id, w.was_wallet_version + 1 as version, x.*
      from w cross join lateral ledger_draw(w.cell, w.wallet_id, w.points, w.at, v_prefers, w.brand, w.store) x where w.decline is null
    ), drawn as (
      update lot l set remaining = l.remaining - d.take, held = l.held + case when d.at_once then 0 else d.take end,
        open = not d.at_once or l.remaining - d.take + l.held > 0
      from d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.lot_id
    ), new_hold_lot as (
      insert into hold_lot (cell, hold_id, ordinal, lot_id, points)
      select cell, hold_id, ordinal, lot_id, take from d where not at_once
    ), new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select cell, wallet_id, version, ordinal, posting_id, lot_id, -take from d where at_once
    ), new_hold as (
      insert into hold (cell, id, wallet_version, request_hash, result, brand, wallet_id, member_ref, store, reference, status, open, points, captured,
        authorized_at, expires_at, quote_id, quoted_reimbursement_micro, campaign, terms_id, draw_order, captures)
      select cell, id, was_wallet_version + 1, hash, result::json, brand, wallet_id, member_ref, store, external_id,
        case when at_once then 'captured' else 'authorized' end::hold_status, not at_once, points, case when at_once then points else 0 end,
        at, expires_at, quote_id, quoted_reimbursement_micro, campaign, terms_id, v_order,
        case when at_once then array[was_wallet_version + 1] else '{}' end
      from w where decline is null order by n
    ), new_balance as (
      update wallet b set wallet_version = b.wallet_version + 1, posted_at = w.at, epoch = w.epoch, xid = w.xid,
        held = b.held + case when w.at_once then 0 else w.points end,
        posted = b.posted - case when w.at_once then w.points else 0 end,
        next_due = case when w.at_once then b.next_due else least(b.next_due, w.expires_at) end
      from w where w.decline is null and b.cell = w.cell and b.wallet_id = w.wallet_id
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, quoted_reimbursement_micro, brand, store, member_ref,
        reference, campaign, hold_id, terms_id)
      select cell, epoch, case when at_once then 'capture' else 'authorization' end::posting_kind, was_wallet_version + 1, xid, wallet_id,
        posting_id, points, case when at_once then -points else 0 end, 0, case when at_once then ${brandAccount('w.brand', 'accepted')} end,
        case when at_once then points end, was_posted - case when at_once then points else 0 end,
        was_held + case when at_once then 0 else points end, was_pending, was_debt, occurred_at, at, quoted_reimbursement_micro, brand, store,
        member_ref, external_id, campaign, id, case when at_once then terms_id end
      from w where decline is null order by n
    ), answer as materialized (
      select n, case when decline is null then 'created' else 'declined' end as verdict, false as replayed, decline,
        case when decline = 'points_insufficient' then greatest(0, room) end as decline_limit, null::text as nothing,
        was_posted - was_held - case when decline is null then points else 0 end as balance,
        was_held + case when decline is null and not at_once then points else 0 end as held, was_pending as pending, was_debt as debt,
        case when decline is null then json_build_object('points', points, 'status', case when at_once then 'captured' else 'authorized' end,
          'captured', case when at_once then points else 0 end)::text end as detail, id as subject_id,
        case when decline is null then posting_id end as posting_id, at as posted_at,
        cell, brand, key, external_id, hash, transport_key, wallet_id, result as template
      from w where not known
    ), ${keepSql(`'authorization'`, 'true', 'decline is not null')}
    select array_agg(row(y.*)::ledger_outcome), bool_or(replayed) into v_out, v_repeated from (
      select n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id, posting_id, posted_at
      from answer
      union all ${REPLAYS}) y;
    if v_repeated then ${BIND_REPEATS} end if;
    return query select * from unnest(v_out);
  end $fn$;
  grant execute on function ledger_authorize_v1(timestamptz, uuid[], ledger_authorization_item[]) to hezong_ledger;
`;

const holdItem = itemType('ledger_hold_item', 'hold_id uuid, points bigint, final boolean, terms_id bigint');

/** The price that a hold was given, from its own posting, which is sealed. A hold without a quote needs no look. */
const QUOTED = `case when h.quoted_reimbursement_micro is not null then (select o.quoted_reimbursement_micro from posting o
            where o.cell = h.cell and o.wallet_id = h.wallet_id and o.wallet_version = h.wallet_version and o.hold_id = h.id) end`;

/**
 * Captures and releases what a hold reserved: capture and void are the same walk over its lots. A capture takes lots in draw order.
 * Released points go back to their lots, where they repay debts and expire if the lot has expired.
 */
const settleHold = (name: string, kind: 'capture' | 'void'): string => `
  create function ${name}(p_now timestamptz, p_wallets uuid[], p_items ledger_hold_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_out ledger_outcome[]; v_unfiled boolean; v_repeated boolean;
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    with w as materialized (
      select z.*, case when decline is null and closes then was_left - take else 0 end as release,
        case when decline is null and closes and was_left > take then (
          select min(l.expires_at) from hold_lot k cross join lateral (
            select expires_at from lot where cell = z.cell and wallet_id = z.wallet_id and id = k.lot_id offset 0) l
          where k.cell = z.cell and k.hold_id = z.hold_id and k.points > k.captured + k.released) end as next_due
      from (
        select i.*, h.brand as hold_brand, h.member_ref, h.store, h.reference, ${QUOTED} as quoted_reimbursement_micro, h.campaign,
          coalesce(i.terms_id, h.terms_id) as capture_terms_id, h.captured as was_captured, h.points - h.captured - h.released as was_left,
          case when known then 'known'
            when h.status = 'expired' or (h.open and h.expires_at <= i.at) then 'authorization_expired'
            when not h.open then 'authorization_closed'
            when i.points > h.points - h.captured - h.released then 'capture_exceeds_authorization' end as decline,
          ${kind === 'void' ? '0::bigint' : 'coalesce(i.points, h.points - h.captured - h.released)'} as take,
          ${kind === 'void' ? 'true' : 'i.final'} as closes
        from (${ITEMS}) i
        cross join lateral (select * from hold where cell = i.cell and id = i.hold_id and wallet_id = i.wallet_id offset 0) h
      ) z
    ), x as materialized (
      select u.*, case when u.closes then u.left_here - u.take_here else 0 end as release_here
      from (
        select w.cell, w.wallet_id, w.at, w.closes, w.posting_id, w.was_wallet_version + 1 as version, k.hold_id, k.ordinal, k.lot_id,
          k.points - k.captured - k.released as left_here,
          greatest(0, least(k.points - k.captured - k.released,
            w.take - (sum(k.points - k.captured - k.released) over (partition by k.hold_id order by k.ordinal)
              - (k.points - k.captured - k.released))))::bigint as take_here
        from w join hold_lot k on k.cell = w.cell and k.hold_id = w.hold_id
        where w.decline is null and k.points > k.captured + k.released
      ) u
    ), moved as (
      update lot l set held = l.held - x.take_here - x.release_here, remaining = l.remaining + x.release_here,
        open = l.remaining + l.held - x.take_here > 0
      from x where l.cell = x.cell and l.wallet_id = x.wallet_id and l.id = x.lot_id and x.take_here + x.release_here > 0
    ), f as materialized (
      select w.*, w.was_left - case when decline is null then w.take else 0 end as left_open,
        w.was_captured + case when decline is null then w.take else 0 end as captured
      from w
    ), new_hold_lot as (
      update hold_lot k set captured = k.captured + x.take_here, released = k.released + x.release_here
      from x where k.cell = x.cell and k.hold_id = x.hold_id and k.ordinal = x.ordinal and x.take_here + x.release_here > 0
    ), new_hold as (
      update hold h set captured = f.captured, released = h.released + f.release, open = f.left_open - f.release > 0,
        status = ${
          kind === 'void'
            ? `'voided'::hold_status`
            : `case when f.left_open - f.release > 0 then 'partially_captured' else 'captured' end::hold_status`
        }${kind === 'void' ? '' : `, captures = h.captures || (f.was_wallet_version + 1)`}
      from f where f.decline is null and h.cell = f.cell and h.id = f.hold_id
    ), new_balance as (
      update wallet b set wallet_version = b.wallet_version + 1, posted_at = f.at, epoch = f.epoch, xid = f.xid,
        held = b.held - f.take - f.release, posted = b.posted - f.take,
        next_due = least(b.next_due, f.next_due)
      from f where f.decline is null and b.cell = f.cell and b.wallet_id = f.wallet_id
    ), new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, quoted_reimbursement_micro, brand, store, member_ref,
        reference, campaign, hold_id, terms_id)
      select cell, epoch, '${kind}'::posting_kind, was_wallet_version + 1, xid, wallet_id, posting_id, ${kind === 'void' ? 'release, 0, 0, null, null' : `take, -take, 0, ${brandAccount('f.hold_brand', 'accepted')}, take`},
        was_posted - take, was_held - take - release, was_pending, was_debt, occurred_at, at, quoted_reimbursement_micro, hold_brand, store,
        member_ref, external_id, campaign, hold_id, ${kind === 'void' ? 'null' : 'capture_terms_id'}
      from f where decline is null order by n
    ), new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select cell, wallet_id, version, ordinal, posting_id, lot_id, -take_here from x where take_here > 0
    ), answer as materialized (
      select n, case when decline is null then 'created' else 'declined' end as verdict, false as replayed, decline,
        case when decline = 'capture_exceeds_authorization' then was_left end as decline_limit, null::text as nothing,
        case when decline is not null or release = 0 or not was_owing and (next_due > at) is not false
          then was_posted - was_held + case when decline is null then release else 0 end end as balance,
        was_held - case when decline is null then take + release else 0 end as held, was_pending as pending, was_debt as debt,
        case when decline is null then json_build_object('points', ${kind === 'void' ? 'release' : 'take'}, 'captured', captured,
          'status', ${kind === 'void' ? `'voided'` : `case when left_open - release > 0 then 'partially_captured' else 'captured' end`})::text
          end as detail, id as subject_id, case when decline is null then posting_id end as posting_id, at as posted_at,
        cell, brand, key, external_id, hash, transport_key, wallet_id, result as template
      from f where not known
    ), ${keepSql(`'${kind}'`)}
    select array_agg(row(y.*)::ledger_outcome), bool_or(balance is null and not replayed), bool_or(replayed) into v_out, v_unfiled, v_repeated from (
      select n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id, posting_id, posted_at
      from answer
      union all ${REPLAYS}) y;
    if v_unfiled then v_out := ${fileRestSql(`'${kind}'::operation_kind`, 'i.hold_id')}; end if;
    if v_repeated then ${BIND_REPEATS} end if;
    return query select * from unnest(v_out);
  end $fn$;
  grant execute on function ${name}(timestamptz, uuid[], ledger_hold_item[]) to hezong_ledger;
`;

/** Gives captured points back to their lots: last capture first, newest lot first, each with its own expiry. */
const giveBack = `
  ${itemType('ledger_redemption_return_item', 'hold_id uuid, points bigint')}

  create function ledger_return_redemption_v1(p_now timestamptz, p_wallets uuid[],
    p_items ledger_redemption_return_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_answer ledger_outcome; r record; g record; h hold; v_posting posting; v_limit bigint; v_room bigint;
    v_out ledger_outcome[];
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    ${ANSWER_REPEATS}
    for r in ${NEW_ITEMS} loop
      select * into h from hold where cell = r.cell and id = r.hold_id and wallet_id = r.wallet_id;
      continue when not found;
      v_answer := null; v_limit := h.captured - h.returned; v_posting := null;
      -- there must be room for pending points to become available
      v_room := 9007199254740991 - r.was_posted - r.was_pending;
      if r.points <= least(v_limit, v_room) then
        with taken as materialized (
          select lot_id, posting_id, -points as points,
            row_number() over w as place, sum(-points) over w as upto
          from allocation where cell = r.cell and wallet_id = r.wallet_id and wallet_version = any(h.captures)
          window w as (order by wallet_version desc, ordinal desc)
        ), given as materialized (
          select t.lot_id, t.posting_id, t.place, l.issuer, l.expires_at,
            (least(t.upto, h.returned + r.points) - greatest(t.upto - t.points, h.returned))::bigint as points
          from taken t cross join lateral (
            select issuer, expires_at from lot where cell = r.cell and wallet_id = r.wallet_id and id = t.lot_id offset 0) l
          where t.upto > h.returned and t.upto - t.points < h.returned + r.points
        ), back as materialized (
          select r.cell as cell, r.wallet_id as wallet_id, lot_id, sum(points)::bigint as points from given group by lot_id
        ), filled as (
          update lot l set remaining = l.remaining + b.points, open = true
          from back b where l.cell = b.cell and l.wallet_id = b.wallet_id and l.id = b.lot_id
        )
        select array_agg(lot_id order by place) as lots, array_agg(points order by place) as points,
          array_agg(posting_id order by place) as originals, min(expires_at) as next_due,
          json_agg(json_build_object('lotId', lot_id, 'issuer', issuer, 'points', points, 'expiresAt', expires_at) order by place) as restored
        into g from given;
        update wallet set next_due = least(next_due, g.next_due) where cell = r.cell and wallet_id = r.wallet_id;
        v_posting.id := r.posting_id; v_posting.kind := 'redemption_return';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := h.brand; v_posting.store := h.store; v_posting.member_ref := h.member_ref;
        v_posting.points := r.points; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := r.at;
        v_posting.reference := r.external_id; v_posting.hold_id := h.id;
        v_posting.quoted_reimbursement_micro := ${QUOTED}; v_posting.campaign := h.campaign;
        perform ledger_post_one(v_posting, r.points, 0, ledger_brand_account(h.brand, 'accepted'), g.lots, g.points, g.originals);
        update hold set returned = returned + r.points where cell = h.cell and id = h.id;
        v_answer.verdict := 'created'; v_answer.posting_id := r.posting_id;
        v_answer.detail := json_build_object('points', r.points, 'captured', h.captured, 'returned', h.returned + r.points,
          'status', h.status, 'restored', g.restored);
      else
        v_answer.verdict := 'declined'; v_answer.decline_limit := least(v_limit, v_room);
        v_answer.decline := case when r.points > v_limit then 'return_exceeds_capture' else 'wallet_limit_exceeded' end;
      end if;
      v_answer.n := r.n; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      return next ledger_file(${keySql(`'redemption_return'`)}, v_answer, h.id);
    end loop;
  end $fn$;
  grant execute on function ledger_return_redemption_v1(timestamptz, uuid[], ledger_redemption_return_item[]) to hezong_ledger;
`;

export const redemption = defineMigration({
  id: '0004',
  name: 'redemption',
  up:
    authorize + holdItem + settleHold('ledger_capture_v1', 'capture') + settleHold('ledger_void_v1', 'void') + giveBack,
});
