import { defineMigration } from '#libs/postgres';
import { ANSWER_REPEATS, FUNCTION_SETTINGS, itemType, keySql, NEW_ITEMS } from './sql.js';

/**
 * Takes back the points of a returned order: first its pending lots, then its own lots by expiry, then other open lots of the same
 * issuer, earliest expiry first. Points that were spent and are not available become a debt to the issuer. Points of its own lots
 * that have expired count as taken back in that order: they move nothing and are not owed. An insufficient balance is never silently
 * treated as zero. If several issuers gave the points, each takes back its own part.
 */
const reverse = `
  -- Takes up to p_points from lots of one group and appends them to the given lists.
  create function ledger_take_back(p_wallet uuid, p_issuer text, p_origin uuid, p_stage text, p_now timestamptz, p_points bigint,
    inout p_lots uuid[], inout p_amounts bigint[], out taken bigint) language plpgsql volatile as $fn$
  declare l record; v_take bigint;
  begin
    taken := 0;
    for l in select id, remaining from lot where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and open and not debt and remaining > 0 and issuer = p_issuer
      and case p_stage when 'pending' then pending and origin_id = p_origin when 'own' then not pending and origin_id = p_origin
        else not pending and origin_id is distinct from p_origin end
      and (pending or expires_at is null or expires_at > p_now) order by expires_at, earned_at, id
    loop
      exit when taken = p_points;
      v_take := least(p_points - taken, l.remaining);
      update lot set remaining = remaining - v_take, open = remaining - v_take + held > 0 where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and id = l.id;
      p_lots := p_lots || l.id; p_amounts := p_amounts || -v_take;
      taken := taken + v_take;
    end loop;
  end $fn$;

  -- Meets expired points of the origin's lots, each point once. Returns the number of points; they are no longer in any balance.
  create function ledger_meet_lapsed(p_wallet uuid, p_issuer text, p_origin uuid, p_points bigint) returns bigint
  language plpgsql volatile as $fn$
  declare l record; v_met bigint := 0;
  begin
    for l in select id, lapsed from lot where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and origin_id = p_origin
      and lapsed is not null and not debt and issuer = p_issuer order by expires_at, earned_at, id
    loop
      exit when v_met = p_points;
      update lot set lapsed = nullif(l.lapsed - least(p_points - v_met, l.lapsed), 0)
      where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and id = l.id;
      v_met := v_met + least(p_points - v_met, l.lapsed);
    end loop;
    return v_met;
  end $fn$;

  -- Takes points of one issuer back from a locked wallet, in this order: pending points of the origin, expired points of its own lots,
  -- the rest of these lots, other lots of the issuer by earliest expiry. The remainder becomes a debt under the terms of the points
  -- that it stands for (p_terms if the origin gave none). Appends to the given lists.
  create function ledger_take_from(p_wallet uuid, p_issuer text, p_origin uuid, p_now timestamptz, p_take bigint, p_debt_lot uuid,
    p_reference text, p_member text, p_posting uuid, p_terms bigint, inout p_lots uuid[], inout p_amounts bigint[], out from_pending bigint,
    out expired bigint, out to_debt bigint) language plpgsql volatile as $fn$
  declare t record;
  begin
    select * into t from ledger_take_back(p_wallet, p_issuer, p_origin, 'pending', p_now, p_take, p_lots, p_amounts);
    from_pending := t.taken;
    expired := ledger_meet_lapsed(p_wallet, p_issuer, p_origin, p_take - from_pending);
    to_debt := p_take - from_pending - expired;
    select * into t from ledger_take_back(p_wallet, p_issuer, p_origin, 'own', p_now, to_debt, t.p_lots, t.p_amounts);
    to_debt := to_debt - t.taken;
    select * into t from ledger_take_back(p_wallet, p_issuer, p_origin, 'other', p_now, to_debt, t.p_lots, t.p_amounts);
    to_debt := to_debt - t.taken; p_lots := t.p_lots; p_amounts := t.p_amounts;
    if to_debt > 0 then
      insert into lot (cell, wallet_id, id, issuer, terms_id, points, remaining, debt, earned_at, reason, origin_id, reference, member_ref, posting_id)
      values (ledger_cell(p_wallet), p_wallet, p_debt_lot, p_issuer, coalesce((select terms_id from lot
        where cell = ledger_cell(p_wallet) and wallet_id = p_wallet and origin_id = p_origin and issuer = p_issuer and not debt
        order by earned_at desc, id desc limit 1), p_terms), to_debt, to_debt, true, p_now, 'debt', p_origin, p_reference, p_member, p_posting);
      p_lots := p_lots || p_debt_lot; p_amounts := p_amounts || -to_debt;
      update wallet b set debt = b.debt + to_debt where b.cell = ledger_cell(p_wallet) and b.wallet_id = p_wallet;
    end if;
  end $fn$;

  ${itemType(
    'ledger_reversal_item',
    `purchase_id uuid, member_ref text, store text, points bigint, expected_version integer, returned text, parts text, lines text`,
  )}

  create function ledger_reverse_v1(p_now timestamptz, p_wallets uuid[], p_items ledger_reversal_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; u record; b purchase; v_answer ledger_outcome; v_posting posting; v_lots uuid[]; v_points bigint[]; v_pending bigint;
    v_expired bigint; v_debt bigint; v_taken record; v_accounts integer[]; v_amounts bigint[];
    v_out ledger_outcome[];
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    ${ANSWER_REPEATS}
    for r in ${NEW_ITEMS} loop
      select * into b from purchase where cell = r.cell and id = r.purchase_id and wallet_id = r.wallet_id;
      continue when not found;
      v_answer := null; v_posting := null; v_debt := 0; v_expired := 0; v_pending := 0;
      v_answer.n := r.n; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      if b.return_version <> r.expected_version then
        v_answer.verdict := 'stale'; v_answer.replayed := false; v_answer.balance := r.was_posted - r.was_held;
        v_answer.held := r.was_held; v_answer.pending := r.was_pending; v_answer.debt := r.was_debt;
        return next v_answer;
        continue;
      end if;
      if r.points > 0 then
        v_lots := '{}'; v_points := '{}'; v_accounts := '{}'; v_amounts := '{}';
        for u in select * from json_to_recordset(r.parts::json) as p(issuer text, points bigint, debt_lot_id uuid) loop
          select * into v_taken from ledger_take_from(r.wallet_id, u.issuer, b.id, r.at, u.points, u.debt_lot_id, b.external_id, b.member_ref,
            r.posting_id, null, v_lots, v_points);
          v_lots := v_taken.p_lots; v_points := v_taken.p_amounts;
          v_pending := v_pending + v_taken.from_pending; v_expired := v_expired + v_taken.expired; v_debt := v_debt + v_taken.to_debt;
          continue when u.points = v_taken.expired;
          v_accounts := v_accounts || ledger_brand_account(u.issuer, 'issued'); v_amounts := v_amounts || (u.points - v_taken.expired);
        end loop;
      end if;
      if r.points > v_expired then
        v_posting.id := r.posting_id; v_posting.kind := 'accrual_reversal';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := b.brand; v_posting.store := coalesce(r.store, b.store);
        v_posting.member_ref := b.member_ref; v_posting.points := r.points - v_expired; v_posting.occurred_at := r.occurred_at;
        v_posting.posted_at := r.at; v_posting.reference := r.external_id; v_posting.order_id := b.id; v_posting.campaign := b.campaign;
        perform ledger_post_legs(v_posting, v_pending - v_posting.points, -v_pending, v_accounts, v_amounts, v_lots,
          v_points, array_fill(b.posting_id, array[cardinality(v_lots)]));
      end if;
      update purchase set return_version = return_version + 1, returned = r.returned::json, points_reversed = points_reversed + r.points,
        points_expired = points_expired + v_expired
      where cell = b.cell and id = b.id;
      insert into order_event (cell, epoch, xid, id, purchase_id, brand, wallet_id, member_ref, order_external_id, external_id, occurred_at, posted_at,
        lines)
      select b.cell, p.epoch, p.xid, r.id, b.id, b.brand, r.wallet_id, b.member_ref, b.external_id, r.external_id, r.occurred_at, r.at,
        r.lines::json from ledger_place(r.wallet_id) p;
      v_answer.verdict := 'created'; v_answer.posting_id := v_posting.id;
      v_answer.detail := json_build_object('points', r.points, 'fromPending', v_pending, 'expired', v_expired,
        'toDebt', v_debt);
      return next ledger_file(${keySql(`'order_return'`)}, v_answer);
    end loop;
  end $fn$;
  grant execute on function ledger_reverse_v1(timestamptz, uuid[], ledger_reversal_item[]) to hezong_ledger;
`;

export const reversal = defineMigration({ id: '0005', name: 'reversal', up: reverse });
