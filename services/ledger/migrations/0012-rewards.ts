import { defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS, itemsSql, itemType, replaysSql } from './sql.js';

/** Deliveries of orders, and points of a grant that are taken back. Both are rare: one item after the other. */
const functions = `
  -- Makes what waited for the delivery of an order spendable. The wallet is locked.
  create function ledger_release_delivered(p_slot smallint, p_account bigint, p_wallet uuid, p_order uuid, p_now timestamptz)
  returns bigint language plpgsql volatile as $fn$
  #variable_conflict use_column
  declare l record; v_posting posting; v_total bigint := 0;
  begin
    for l in select * from lot where wallet_account = p_account and open and pending and origin_id = p_order and available_from is null
      order by expires_at, earned_at, id
    loop
      update lot set pending = false, available_from = p_now where wallet_account = p_account and id = l.id;
      v_posting := null;
      v_posting.id := ledger_uuidv7(p_wallet); v_posting.kind := 'accrual_release'; v_posting.wallet_account := p_account;
      v_posting.wallet_id := p_wallet; v_posting.brand := l.issuer; v_posting.member_ref := l.member_ref;
      v_posting.points := l.remaining; v_posting.occurred_at := p_now; v_posting.posted_at := p_now;
      v_posting.reference := l.reference; v_posting.order_id := l.origin_id; v_posting.campaign := l.campaign;
      perform ledger_post_one(p_slot, v_posting, l.remaining, -l.remaining, null, '{}', '{}', '{}');
      update account_balance set next_expiry = least(next_expiry, l.expires_at) where account_id = p_account and slot = 0;
      perform ledger_repay(p_slot, p_account, l.issuer, l.origin_id, p_now) where exists (
        select from account_balance where account_id = p_account and slot = 0 and debt > 0);
      if l.expires_at <= p_now then perform ledger_sweep_wallets(p_slot, array[p_account], p_now); end if;
      v_total := v_total + l.remaining;
    end loop;
    return v_total;
  end $fn$;

  ${itemType('ledger_delivery_item', 'purchase_id uuid')}

  create function ledger_deliver_v1(p_slot smallint, p_now timestamptz, p_wallets uuid[], p_items ledger_delivery_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; b purchase; v_answer ledger_outcome; v_detail json;
  begin
    v_wallets := ledger_lock_wallets(p_slot, p_now, p_wallets);
    return query with w as materialized (${itemsSql(`'delivery'`)}) ${replaysSql(`'delivery'`)};
    for r in select * from (${itemsSql(`'delivery'`)}) i where not known order by n loop
      select * into b from purchase where id = r.purchase_id and wallet_account = r.account_id;
      continue when not found;
      insert into order_event (id, purchase_id, brand, wallet_id, member_ref, order_external_id, external_id, occurred_at, posted_at)
      values (r.id, b.id, b.brand, r.wallet_id, b.member_ref, b.external_id, r.external_id, r.occurred_at, r.at);
      v_detail := json_build_object('points', ledger_release_delivered(p_slot, r.account_id, r.wallet_id, b.id, r.at));
      v_answer := null;
      v_answer.n := r.n; v_answer.verdict := 'created'; v_answer.replayed := false; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      v_answer.detail := v_detail::text;
      select credits_posted - debits_posted - debits_pending + credits_pending, debits_pending - credits_pending, debt
        into v_answer.balance, v_answer.held, v_answer.debt from account_balance where account_id = r.account_id and slot = 0;
      v_answer.pending := coalesce((select credits_posted - debits_posted from account_balance where account_id = r.account_id and slot = 1), 0);
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, result, balance, held,
        pending, debt, detail, posted_at)
      values (r.brand, 'delivery', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.id, r.result::json, v_answer.balance,
        v_answer.held, v_answer.pending, v_answer.debt, v_detail, r.at);
      return next v_answer;
    end loop;
  end $fn$;
  grant execute on function ledger_deliver_v1(smallint, timestamptz, uuid[], ledger_delivery_item[]) to hezong_ledger;

  -- Takes points back that were given without a purchase, as a return does: from their own lots, others of the issuer, then a debt.
  ${itemType(
    'ledger_taking_item',
    'kind operation_kind, issuer text, origin_id uuid, member_ref text, points bigint, debt_lot_id uuid, terms_id bigint',
  )}

  create function ledger_take_v1(p_slot smallint, p_now timestamptz, p_wallets uuid[], p_items ledger_taking_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; v_answer ledger_outcome; v_posting posting; v_taken record; v_detail json;
  begin
    v_wallets := ledger_lock_wallets(p_slot, p_now, p_wallets);
    return query with w as materialized (${itemsSql('r.kind')}) ${replaysSql('w.kind')};
    for r in select * from (${itemsSql('r.kind')}) i where not known order by n loop
      select * into v_taken from ledger_take_from(r.account_id, r.issuer, r.origin_id, r.at, r.points, r.debt_lot_id, r.external_id,
        r.member_ref, r.posting_id, r.terms_id, '{}', '{}');
      v_posting := null;
      v_posting.wallet_account := r.account_id; v_posting.id := r.posting_id; v_posting.kind := 'accrual_reversal';
      v_posting.wallet_id := r.wallet_id; v_posting.brand := r.brand; v_posting.member_ref := r.member_ref; v_posting.points := r.points;
      v_posting.occurred_at := r.occurred_at; v_posting.posted_at := r.at; v_posting.reference := r.external_id;
      v_posting.order_id := r.origin_id;
      perform ledger_post_one(p_slot, v_posting, v_taken.from_pending - r.points, -v_taken.from_pending,
        ledger_brand_account(r.issuer, 'issued'), v_taken.p_lots, v_taken.p_amounts,
        array_fill(null::uuid, array[cardinality(v_taken.p_lots)]));
      v_detail := json_build_object('points', r.points, 'fromPending', v_taken.from_pending, 'toDebt', v_taken.to_debt);
      v_answer := null;
      v_answer.n := r.n; v_answer.verdict := 'created'; v_answer.replayed := false; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      v_answer.posting_id := r.posting_id; v_answer.detail := v_detail::text; v_answer.held := r.was_held;
      v_answer.balance := r.was_posted - r.was_held - r.points + v_taken.from_pending;
      v_answer.pending := r.was_pending - v_taken.from_pending; v_answer.debt := r.was_debt + v_taken.to_debt;
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id, result, balance,
        held, pending, debt, detail, posted_at)
      values (r.brand, r.kind, r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.id, r.posting_id, r.result::json,
        v_answer.balance, v_answer.held, v_answer.pending, v_answer.debt, v_detail, r.at);
      return next v_answer;
    end loop;
  end $fn$;
  grant execute on function ledger_take_v1(smallint, timestamptz, uuid[], ledger_taking_item[]) to hezong_ledger;

  -- Ranks of members as membership tells them, with their beginnings: the ledger's copy, one row a wallet.
  create table member_tier (
    wallet_id uuid primary key,
    version bigint not null,
    steps json not null
  );
`;

export const rewards = defineMigration({ id: '0012', name: 'rewards', up: functions });
