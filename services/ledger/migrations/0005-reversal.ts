import { defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS, itemsSql, replaysSql } from './sql.js';

const COLUMNS = `purchase_id uuid, member_ref text, store text, points bigint, expected_version integer, returned text, debt_lot_id uuid`;

/**
 * An order's return takes earned points back: its pending lots first, then its own lots, then other open lots of the same issuer,
 * oldest expiry first; what the wallet no longer has becomes a debt to the issuer. Never a silent zero.
 */
const reverse = `
  -- Takes up to p_points from lots of one group; appends to the lists it is given.
  create function ledger_take_back(p_account bigint, p_issuer text, p_origin uuid, p_stage text, p_now timestamptz, p_points bigint,
    inout p_lots uuid[], inout p_amounts bigint[], out taken bigint) language plpgsql volatile as $fn$
  declare l record; v_take bigint;
  begin
    taken := 0;
    for l in select id, remaining from lot where wallet_account = p_account and open and not debt and remaining > 0 and issuer = p_issuer
      and case p_stage when 'pending' then pending and origin_id = p_origin when 'own' then not pending and origin_id = p_origin
        else not pending and origin_id is distinct from p_origin end
      and (pending or expires_at is null or expires_at > p_now) order by expires_at, earned_at, id
    loop
      exit when taken = p_points;
      v_take := least(p_points - taken, l.remaining);
      update lot set remaining = remaining - v_take, open = remaining - v_take + held > 0 where wallet_account = p_account and id = l.id;
      p_lots := p_lots || l.id; p_amounts := p_amounts || -v_take;
      taken := taken + v_take;
    end loop;
  end $fn$;

  create function ledger_reverse_v1(p_slot smallint, p_now timestamptz, p_wallets uuid[], p_items json)
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare r record; b purchase; v_answer ledger_outcome; v_posting posting; v_lots uuid[]; v_points bigint[]; v_pending bigint;
    v_own bigint; v_other bigint; v_debt bigint; v_taken record; v_detail json;
  begin
    perform ledger_lock_wallets(p_slot, p_now, p_wallets);
    return query with w as materialized (${itemsSql(`'order_return'`, COLUMNS)}) ${replaysSql(`'order_return'`)};
    for r in select * from (${itemsSql(`'order_return'`, COLUMNS)}) i where not known order by n loop
      select * into b from purchase where id = r.purchase_id and wallet_account = r.account_id;
      continue when not found;
      v_answer := null; v_posting := null; v_debt := 0; v_pending := 0;
      v_answer.n := r.n; v_answer.replayed := false; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      v_answer.balance := r.was_posted - r.was_held; v_answer.held := r.was_held; v_answer.pending := r.was_pending;
      v_answer.debt := r.was_debt;
      if b.return_version <> r.expected_version then
        v_answer.verdict := 'stale';
        return next v_answer;
        continue;
      end if;
      if r.points > 0 then
        select * into v_taken from ledger_take_back(r.account_id, b.brand, b.id, 'pending', r.at, r.points, '{}', '{}');
        v_pending := v_taken.taken;
        select * into v_taken from ledger_take_back(r.account_id, b.brand, b.id, 'own', r.at, r.points - v_pending,
          v_taken.p_lots, v_taken.p_amounts);
        v_own := v_taken.taken;
        select * into v_taken from ledger_take_back(r.account_id, b.brand, b.id, 'other', r.at, r.points - v_pending - v_own,
          v_taken.p_lots, v_taken.p_amounts);
        v_other := v_taken.taken; v_lots := v_taken.p_lots; v_points := v_taken.p_amounts;
        v_debt := r.points - v_pending - v_own - v_other;
        if v_debt > 0 then
          insert into lot (wallet_account, id, issuer, points, remaining, debt, earned_at, reason, origin_id, reference, member_ref, posting_id)
          values (r.account_id, r.debt_lot_id, b.brand, v_debt, v_debt, true, r.at, 'debt', b.id, b.external_id, b.member_ref, r.posting_id);
          v_lots := v_lots || r.debt_lot_id; v_points := v_points || -v_debt;
          update account_balance set debt = debt + v_debt where account_id = r.account_id and slot = 0;
        end if;
        v_posting.wallet_account := r.account_id; v_posting.id := r.posting_id; v_posting.kind := 'accrual_reversal';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := b.brand; v_posting.store := coalesce(r.store, b.store);
        v_posting.member_ref := b.member_ref; v_posting.points := r.points; v_posting.occurred_at := r.occurred_at;
        v_posting.posted_at := r.at; v_posting.reference := r.external_id; v_posting.order_id := b.id; v_posting.campaign := b.campaign;
        perform ledger_post_one(p_slot, v_posting, v_pending - r.points, -v_pending, ledger_brand_account(b.brand, 'issued'),
          v_lots, v_points, array_fill(b.posting_id, array[cardinality(v_lots)]));
      end if;
      update purchase set return_version = return_version + 1, returned = r.returned::json, points_reversed = points_reversed + r.points
      where id = b.id;
      v_detail := json_build_object('points', r.points, 'fromPending', v_pending, 'toDebt', v_debt);
      v_answer.verdict := 'created'; v_answer.detail := v_detail::text; v_answer.posting_id := v_posting.id;
      v_answer.balance := v_answer.balance - r.points + v_pending; v_answer.pending := r.was_pending - v_pending;
      v_answer.debt := r.was_debt + v_debt;
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id, result, balance,
        held, pending, debt, detail, posted_at)
      values (r.brand, 'order_return', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.id, v_posting.id, r.result::json,
        v_answer.balance, v_answer.held, v_answer.pending, v_answer.debt, v_detail, r.at);
      return next v_answer;
    end loop;
  end $fn$;
  grant execute on function ledger_reverse_v1(smallint, timestamptz, uuid[], json) to hezong_ledger;
`;

export const reversal = defineMigration({ id: '0005', name: 'reversal', up: reverse });
