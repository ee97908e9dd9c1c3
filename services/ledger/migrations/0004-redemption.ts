import { defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS, itemsSql, itemType, replaysSql } from './sql.js';

/** Reserves points and the lots behind them; with `at_once` takes them in the same posting. */
const authorize = `
  ${itemType(
    'ledger_authorization_item',
    `member_ref text, store text, points bigint, expires_at timestamptz, quote_id uuid, quoted_reimbursement_micro bigint,
     campaign text, terms_id bigint, at_once boolean`,
  )}

  create function ledger_authorize_v1(p_slot smallint, p_now timestamptz, p_wallets uuid[], p_items ledger_authorization_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[];
  begin
    v_wallets := ledger_lock_wallets(p_slot, p_now, p_wallets);
    return query
    with w as materialized (
      select i.*, case when known then 'known' when i.quote_id is not null and exists (select from hold where quote_id = i.quote_id)
        then 'quote_used' when was_posted - was_held < points then 'points_insufficient' end as decline
      from (${itemsSql(`'authorization'`)}) i
    ), d as materialized (
      select w.n, w.account_id, w.id as hold_id, w.at_once, w.posting_id, w.was_wallet_version + 1 as version, x.*
      from w cross join lateral ledger_draw(w.account_id, w.points, w.at) x where w.decline is null
    ), drawn as (
      update lot l set remaining = l.remaining - d.take, held = l.held + case when d.at_once then 0 else d.take end,
        open = not d.at_once or l.remaining - d.take + l.held > 0
      from d where l.wallet_account = d.account_id and l.id = d.lot_id
    ), new_hold_lot as (
      insert into hold_lot (hold_id, ordinal, lot_id, points, captured)
      select hold_id, ordinal, lot_id, take, case when at_once then take else 0 end from d
    ), new_allocation as (
      insert into allocation (wallet_account, wallet_version, ordinal, posting_id, lot_id, points)
      select account_id, version, ordinal, posting_id, lot_id, -take from d where at_once
    ), new_hold as (
      insert into hold (id, brand, wallet_account, wallet_id, member_ref, store, reference, status, open, points, captured,
        authorized_at, expires_at, quote_id, quoted_reimbursement_micro, campaign, terms_id, captures)
      select id, brand, account_id, wallet_id, member_ref, store, external_id,
        case when at_once then 'captured' else 'authorized' end::hold_status, not at_once, points, case when at_once then points else 0 end,
        at, expires_at, quote_id, quoted_reimbursement_micro, campaign, terms_id,
        case when at_once then array[was_wallet_version + 1] else '{}' end
      from w where decline is null order by n
    ), new_balance as (
      update account_balance b set wallet_version = b.wallet_version + 1, posted_at = w.at,
        debits_pending = b.debits_pending + case when w.at_once then 0 else w.points end,
        debits_posted = b.debits_posted + case when w.at_once then w.points else 0 end, version = b.version + w.at_once::int
      from w where w.decline is null and b.account_id = w.account_id and b.slot = w.wallet_slot
    ), new_posting as (
      insert into posting (wallet_account, wallet_version, id, kind, wallet_id, brand, store, member_ref, points, occurred_at,
        posted_at, reference, hold_id, quoted_reimbursement_micro, campaign, terms_id)
      select account_id, was_wallet_version + 1, posting_id, case when at_once then 'capture' else 'authorization' end::posting_kind,
        wallet_id, brand, store, member_ref, points, occurred_at, at, external_id, id, quoted_reimbursement_micro, campaign, case when at_once then terms_id end
      from w where decline is null order by n
    ), new_entry as (
      insert into entry (account_id, slot, version, posting_id, amount, balance_after)
      select account_id, 0, was_version + 1, posting_id, -points, was_posted - points from w where decline is null and at_once
      union all
      select e.* from (select array_agg(ledger_brand_account(w.brand, 'accepted') order by n) as accounts,
        array_agg(posting_id order by n) as postings, array_agg(points order by n) as amounts
        from w where decline is null and at_once) g,
        ledger_post_brand_legs(p_slot, g.accounts, g.postings, g.amounts) e where g.accounts is not null
    ), answer as materialized (
      select n, case when decline is null then 'created' else 'declined' end as verdict, false as replayed, decline,
        case when decline = 'points_insufficient' then greatest(0, was_posted - was_held) end as decline_limit, null::text as nothing,
        was_posted - was_held - case when decline is null then points else 0 end as balance,
        was_held + case when decline is null and not at_once then points else 0 end as held, was_pending as pending, was_debt as debt,
        case when decline is null then json_build_object('points', points, 'status', case when at_once then 'captured' else 'authorized' end,
          'captured', case when at_once then points else 0 end)::text end as detail, id as subject_id,
        case when decline is null then posting_id end as posting_id, at as posted_at,
        brand, key, external_id, hash, transport_key, wallet_id, result as template
      from w where not known
    ), new_operation as (
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id,
        decline, decline_limit, result, balance, held, pending, debt, detail, posted_at)
      select brand, 'authorization', key, external_id, hash, transport_key, wallet_id, subject_id, posting_id, decline, decline_limit,
        template::json, balance, held, pending, debt, detail::json, posted_at
      from answer
    )
    select n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id, posting_id, posted_at
    from answer
    union all ${replaysSql(`'authorization'`)};
  end $fn$;
  grant execute on function ledger_authorize_v1(smallint, timestamptz, uuid[], ledger_authorization_item[]) to hezong_ledger;
`;

const holdItem = itemType(
  'ledger_hold_item',
  'hold_id uuid, points bigint, final boolean, terms_id bigint, timeout boolean',
);

/**
 * Takes and releases what a hold reserved: capture, void and timeout are the same walk over its lots.
 * A capture takes in draw order; what is released goes back to its lots, and is swept at once where a lot expired meanwhile.
 */
const settleHold = (name: string, kind: 'capture' | 'void'): string => `
  create function ${name}(p_slot smallint, p_now timestamptz, p_wallets uuid[], p_items ledger_hold_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_out ledger_outcome[]; v_swept boolean;
  begin
    v_wallets := ledger_lock_wallets(p_slot, p_now, p_wallets);
    with w as materialized (
      select z.*, case when decline is null and closes then was_left - take else 0 end as release,
        case when decline is null and closes and was_left > take then (
          select min(l.expires_at) from hold_lot k join lot l on l.wallet_account = z.account_id and l.id = k.lot_id
          where k.hold_id = z.hold_id and k.points > k.captured + k.released) end as next_expiry
      from (
        select i.*, h.brand as hold_brand, h.member_ref, h.store, h.reference, h.quoted_reimbursement_micro, h.campaign,
          coalesce(i.terms_id, h.terms_id) as capture_terms_id,
          h.captured as was_captured, h.points - h.captured - h.released as was_left,
          case when known then 'known' when i.timeout then null
            when h.status = 'expired' or (h.open and h.expires_at <= i.at) then 'authorization_expired'
            when not h.open then 'authorization_closed'
            when i.points > h.points - h.captured - h.released then 'capture_exceeds_authorization' end as decline,
          ${kind === 'void' ? '0::bigint' : 'coalesce(i.points, h.points - h.captured - h.released)'} as take,
          ${kind === 'void' ? 'true' : 'i.final'} as closes
        from (${itemsSql(`'${kind}'`)}) i
        cross join lateral (select * from hold where id = i.hold_id and wallet_account = i.account_id offset 0) h
        where not i.timeout or h.open
      ) z
    ), x as materialized (
      select u.*, case when u.closes then u.left_here - u.take_here else 0 end as release_here
      from (
        select w.account_id, w.at, w.closes, w.posting_id, w.was_wallet_version + 1 as version, k.hold_id, k.ordinal, k.lot_id,
          k.points - k.captured - k.released as left_here,
          greatest(0, least(k.points - k.captured - k.released,
            w.take - (sum(k.points - k.captured - k.released) over (partition by k.hold_id order by k.ordinal)
              - (k.points - k.captured - k.released))))::bigint as take_here
        from w join hold_lot k on k.hold_id = w.hold_id
        where w.decline is null and k.points > k.captured + k.released
      ) u
    ), moved as (
      update lot l set held = l.held - x.take_here - x.release_here, remaining = l.remaining + x.release_here,
        open = l.remaining + l.held - x.take_here > 0
      from x where l.wallet_account = x.account_id and l.id = x.lot_id and x.take_here + x.release_here > 0
    ), f as materialized (
      select w.*, w.was_left - case when decline is null then w.take else 0 end as left_open,
        w.was_captured + case when decline is null then w.take else 0 end as captured,
        case when w.next_expiry <= w.at then (
          select coalesce(sum(x.release_here), 0)::bigint from x join lot l on l.wallet_account = x.account_id and l.id = x.lot_id
          where x.hold_id = w.hold_id and l.expires_at <= w.at) else 0 end as stillborn
      from w
    ), new_hold_lot as (
      update hold_lot k set captured = k.captured + x.take_here, released = k.released + x.release_here
      from x where k.hold_id = x.hold_id and k.ordinal = x.ordinal and x.take_here + x.release_here > 0
    ), new_hold as (
      update hold h set captured = f.captured, released = h.released + f.release, open = f.left_open - f.release > 0,
        status = ${
          kind === 'void'
            ? `case when f.timeout then 'expired' else 'voided' end::hold_status`
            : `case when f.left_open - f.release > 0 then 'partially_captured' else 'captured' end::hold_status`
        }${kind === 'void' ? '' : `, captures = h.captures || (f.was_wallet_version + 1)`}
      from f where f.decline is null and h.id = f.hold_id
      returning h.id, h.status, h.points
    ), new_balance as (
      update account_balance b set wallet_version = b.wallet_version + 1, posted_at = f.at,
        credits_pending = b.credits_pending + f.take + f.release, debits_posted = b.debits_posted + f.take,
        version = b.version + (f.take > 0)::int, next_expiry = least(b.next_expiry, f.next_expiry)
      from f where f.decline is null and b.account_id = f.account_id and b.slot = f.wallet_slot
    ), new_posting as (
      insert into posting (wallet_account, wallet_version, id, kind, wallet_id, brand, store, member_ref, points, occurred_at,
        posted_at, reference, hold_id, quoted_reimbursement_micro, campaign, terms_id)
      select account_id, was_wallet_version + 1, posting_id,
        ${kind === 'void' ? `case when timeout then 'authorization_expired' else 'void' end::posting_kind` : `'capture'::posting_kind`},
        wallet_id, hold_brand, store, member_ref, ${kind === 'void' ? 'release' : 'take'}, occurred_at, at,
        coalesce(external_id, reference), hold_id, quoted_reimbursement_micro, campaign${kind === 'void' ? ', null' : ', capture_terms_id'}
      from f where decline is null order by n
    ), new_allocation as (
      insert into allocation (wallet_account, wallet_version, ordinal, posting_id, lot_id, points)
      select account_id, version, ordinal, posting_id, lot_id, -take_here from x where take_here > 0
    ), new_entry as (
      insert into entry (account_id, slot, version, posting_id, amount, balance_after)
      select account_id, 0, was_version + 1, posting_id, -take, was_posted - take from f where decline is null and take > 0
      union all
      select e.* from (select array_agg(ledger_brand_account(f.hold_brand, 'accepted') order by n) as accounts,
        array_agg(posting_id order by n) as postings, array_agg(take order by n) as amounts from f where decline is null and take > 0) g,
        ledger_post_brand_legs(p_slot, g.accounts, g.postings, g.amounts) e where g.accounts is not null
    ), answer as materialized (
      select n, case when decline is null then 'created' else 'declined' end as verdict, false as replayed, decline,
        case when decline = 'capture_exceeds_authorization' then was_left end as decline_limit, null::text as nothing,
        was_posted - was_held + case when decline is null then release - stillborn else 0 end as balance,
        was_held - case when decline is null then take + release else 0 end as held, was_pending as pending, was_debt as debt,
        case when decline is null then json_build_object('points', ${kind === 'void' ? 'release' : 'take'}, 'captured', captured,
          'status', ${kind === 'void' ? `'voided'` : `case when left_open - release > 0 then 'partially_captured' else 'captured' end`})::text
          end as detail, coalesce(id, hold_id) as subject_id, case when decline is null then posting_id end as posting_id, at as posted_at,
        brand, key, external_id, hash, transport_key, wallet_id, result as template, timeout, stillborn
      from f where not known
    ), new_operation as (
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id,
        decline, decline_limit, result, balance, held, pending, debt, detail, posted_at)
      select brand, '${kind}', key, external_id, hash, transport_key, wallet_id, subject_id, posting_id, decline, decline_limit, template::json,
        balance, held, pending, debt, detail::json, posted_at
      from answer where not timeout
    )
    select array_agg(row(y.*)::ledger_outcome), coalesce((select bool_or(stillborn > 0) from answer), false) into v_out, v_swept from (
      select n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id, posting_id, posted_at
      from answer
      union all ${replaysSql(`'${kind}'`)}) y;
    if v_swept then perform ledger_sweep_due(p_slot, p_now, p_wallets); end if;
    return query select * from unnest(v_out);
  end $fn$;
  grant execute on function ${name}(smallint, timestamptz, uuid[], ledger_hold_item[]) to hezong_ledger;
`;

/** Gives captured points back to their lots: last captured, newest lot first, each with its own expiry. */
const giveBack = `
  ${itemType('ledger_redemption_return_item', 'hold_id uuid, points bigint')}

  create function ledger_return_redemption_v1(p_slot smallint, p_now timestamptz, p_wallets uuid[],
    p_items ledger_redemption_return_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_answer ledger_outcome; r record; u record; h hold; v_posting posting; v_limit bigint;
    v_lots uuid[]; v_points bigint[]; v_originals uuid[]; v_restored json[]; v_give bigint; v_skip bigint; v_left bigint;
    v_stillborn bigint; v_detail json;
  begin
    v_wallets := ledger_lock_wallets(p_slot, p_now, p_wallets);
    return query with w as materialized (${itemsSql(`'redemption_return'`)}) ${replaysSql(`'redemption_return'`)};
    for r in select * from (${itemsSql(`'redemption_return'`)}) i where not known order by n
    loop
      select * into h from hold where id = r.hold_id and wallet_account = r.account_id;
      continue when not found;
      v_answer := null; v_limit := h.captured - h.returned; v_detail := null; v_stillborn := 0; v_posting := null;
      if r.points <= v_limit then
        v_skip := h.returned; v_left := r.points; v_lots := '{}'; v_points := '{}'; v_originals := '{}'; v_restored := '{}';
        for u in select c.lot_id, -c.points as used, c.posting_id, l.issuer, l.expires_at
          from allocation c join lot l on l.wallet_account = c.wallet_account and l.id = c.lot_id
          where c.wallet_account = r.account_id and c.wallet_version = any(h.captures)
          order by c.wallet_version desc, c.ordinal desc
        loop
          exit when v_left = 0;
          if v_skip >= u.used then v_skip := v_skip - u.used; continue; end if;
          v_give := least(v_left, u.used - v_skip); v_skip := 0; v_left := v_left - v_give;
          update lot set remaining = remaining + v_give, open = true where wallet_account = r.account_id and id = u.lot_id;
          v_lots := v_lots || u.lot_id; v_points := v_points || v_give; v_originals := v_originals || u.posting_id;
          v_restored := v_restored || json_build_object('lotId', u.lot_id, 'issuer', u.issuer, 'points', v_give, 'expiresAt', u.expires_at);
          if u.expires_at <= r.at then v_stillborn := v_stillborn + v_give; end if;
          update account_balance set next_expiry = least(next_expiry, u.expires_at) where account_id = r.account_id and slot = 0;
        end loop;
        v_posting.wallet_account := r.account_id; v_posting.id := r.posting_id; v_posting.kind := 'redemption_return';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := h.brand; v_posting.store := h.store; v_posting.member_ref := h.member_ref;
        v_posting.points := r.points; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := r.at;
        v_posting.reference := r.external_id; v_posting.hold_id := h.id;
        v_posting.quoted_reimbursement_micro := h.quoted_reimbursement_micro; v_posting.campaign := h.campaign;
        perform ledger_post_one(p_slot, v_posting, r.points, 0, ledger_brand_account(h.brand, 'accepted'), v_lots, v_points, v_originals);
        update hold set returned = returned + r.points where id = h.id;
        v_detail := json_build_object('points', r.points, 'captured', h.captured, 'returned', h.returned + r.points, 'status', h.status,
          'restored', to_json(v_restored));
      end if;
      v_answer.n := r.n; v_answer.replayed := false;
      v_answer.verdict := case when v_detail is null then 'declined' else 'created' end;
      if v_detail is null then v_answer.decline := 'return_exceeds_capture'; v_answer.decline_limit := v_limit; end if;
      v_answer.balance := r.was_posted - r.was_held + case when v_detail is null then 0 else r.points - v_stillborn end;
      v_answer.held := r.was_held; v_answer.pending := r.was_pending; v_answer.debt := r.was_debt; v_answer.detail := v_detail::text;
      v_answer.subject_id := r.id; v_answer.posting_id := v_posting.id; v_answer.posted_at := r.at;
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id, decline,
        decline_limit, result, balance, held, pending, debt, detail, posted_at)
      values (r.brand, 'redemption_return', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.id, v_posting.id,
        v_answer.decline, v_answer.decline_limit, r.result::json, v_answer.balance, v_answer.held, v_answer.pending, v_answer.debt, v_detail, r.at);
      if v_stillborn > 0 then perform ledger_sweep_wallets(p_slot, array[r.account_id], r.at); end if;
      return next v_answer;
    end loop;
  end $fn$;
  grant execute on function ledger_return_redemption_v1(smallint, timestamptz, uuid[], ledger_redemption_return_item[]) to hezong_ledger;
`;

export const redemption = defineMigration({
  id: '0004',
  name: 'redemption',
  up:
    authorize + holdItem + settleHold('ledger_capture_v1', 'capture') + settleHold('ledger_void_v1', 'void') + giveBack,
});
