import { appendOnlySql, brandPolicySql, defineMigration } from '#libs/postgres';
import { ANSWER_REPEATS, FUNCTION_SETTINGS, itemType, keySql, NEW_ITEMS } from './sql.js';

/** Deliveries of orders, and points of a grant that are taken back. Both are rare, so items are processed one after another. */
const functions = `
  ${itemType('ledger_delivery_item', 'purchase_id uuid, free_from timestamptz, late_days integer, zone text')}

  -- Makes points that waited for the delivery available as of free_from. Their expiry moves by the days by which the report was late,
  -- unless the expiry was brought forward meanwhile. Points that are past their expiry even so meet older debts and expire.
  create function ledger_deliver_v1(p_now timestamptz, p_wallets uuid[], p_items ledger_delivery_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_wallet wallet; r record; b purchase; l lot; v_answer ledger_outcome; v_lots uuid[]; v_released bigint;
    v_expired bigint; v_out ledger_outcome[];
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    ${ANSWER_REPEATS}
    for r in ${NEW_ITEMS} loop
      select * into b from purchase where cell = r.cell and id = r.purchase_id and wallet_id = r.wallet_id;
      continue when not found;
      insert into order_event (cell, epoch, xid, id, purchase_id, brand, wallet_id, member_ref, order_external_id, external_id, occurred_at, posted_at)
      select b.cell, p.epoch, p.xid, r.id, b.id, b.brand, r.wallet_id, b.member_ref, b.external_id, r.external_id, r.occurred_at, r.at
      from ledger_place(r.wallet_id) p;
      v_released := 0; v_expired := 0; v_lots := '{}'; v_wallet := ledger_take_up(r.wallet_id);
      for l in select * from lot where cell = r.cell and wallet_id = r.wallet_id and open and pending and origin_id = b.id and available_from is null
        order by expires_at, earned_at, id
      loop
        if r.late_days > 0 and l.expires_at is not null and l.agreed_expires_at is null then
          update lot set agreed_expires_at = expires_at,
            expires_at = (expires_at at time zone r.zone + make_interval(days => r.late_days)) at time zone r.zone
          where cell = l.cell and wallet_id = l.wallet_id and id = l.id returning * into strict l;
        end if;
        v_wallet := ledger_release_lot(v_wallet, l, r.free_from, r.at);
        v_released := v_released + l.remaining;
        if l.expires_at <= r.at then v_lots := v_lots || l.id; end if;
      end loop;
      if v_released > 0 then perform ledger_keep_wallet(v_wallet); end if;
      if v_lots <> '{}' then
        perform ledger_settle_wallets(array[r.wallet_id], r.at);
        select coalesce(sum(lapsed), 0) into v_expired from lot where cell = r.cell and wallet_id = r.wallet_id and id = any(v_lots);
      end if;
      v_answer := null;
      v_answer.n := r.n; v_answer.verdict := 'created'; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      v_answer.detail := json_build_object('points', v_released - v_expired, 'expired', v_expired);
      return next ledger_file(${keySql(`'delivery'`)}, v_answer);
    end loop;
  end $fn$;
  grant execute on function ledger_deliver_v1(timestamptz, uuid[], ledger_delivery_item[]) to hezong_ledger;

  -- Takes back points that were given without a purchase, as a return does: from their own lots, then other lots of the issuer, then
  -- as a debt.
  ${itemType(
    'ledger_taking_item',
    'kind operation_kind, issuer text, origin_id uuid, member_ref text, points bigint, debt_lot_id uuid, terms_id bigint',
  )}

  create function ledger_take_v1(p_now timestamptz, p_wallets uuid[], p_items ledger_taking_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; v_answer ledger_outcome; v_posting posting; v_taken record; v_out ledger_outcome[];
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    ${ANSWER_REPEATS}
    for r in ${NEW_ITEMS} loop
      select * into v_taken from ledger_take_from(r.wallet_id, r.issuer, r.origin_id, r.at, r.points, r.debt_lot_id, r.external_id,
        r.member_ref, r.posting_id, r.terms_id, '{}', '{}');
      v_posting := null;
      if r.points > v_taken.expired then
        v_posting.id := r.posting_id; v_posting.kind := 'accrual_reversal';
        v_posting.wallet_id := r.wallet_id; v_posting.brand := r.brand; v_posting.member_ref := r.member_ref;
        v_posting.points := r.points - v_taken.expired; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := r.at;
        v_posting.reference := r.external_id; v_posting.order_id := r.origin_id;
        perform ledger_post_one(v_posting, v_taken.from_pending - v_posting.points, -v_taken.from_pending,
          ledger_brand_account(r.issuer, 'issued'), v_taken.p_lots, v_taken.p_amounts,
          array_fill(null::uuid, array[cardinality(v_taken.p_lots)]));
      end if;
      v_answer := null;
      v_answer.n := r.n; v_answer.verdict := 'created'; v_answer.subject_id := r.id; v_answer.posted_at := r.at;
      v_answer.posting_id := v_posting.id;
      v_answer.detail := json_build_object('points', r.points, 'fromPending', v_taken.from_pending, 'expired', v_taken.expired,
        'toDebt', v_taken.to_debt);
      return next ledger_file(${keySql('r.kind')}, v_answer);
    end loop;
  end $fn$;
  grant execute on function ledger_take_v1(timestamptz, uuid[], ledger_taking_item[]) to hezong_ledger;

  -- Rewards that were not booked because their issuer had no contract, they were too large for it, or the wallet was full. They are
  -- stored because no caller receives an answer.
  create table declined_reward (
    cell smallint not null,
    declined_at timestamptz not null,
    occurred_at timestamptz not null,
    wallet_id uuid not null,
    id uuid not null,
    -- the origin that its points would have had
    origin_id uuid not null,
    points bigint not null check (points <> 0),
    key text not null,
    issuer text not null,
    reason text not null,
    -- reason for the decline: a code of the error catalogue
    cause text not null,
    primary key (cell, wallet_id, key),
    check (cell = ledger_cell(wallet_id))
  );
  create index declined_reward_page on declined_reward (declined_at, id);
  ${appendOnlySql('declined_reward')}
  ${brandPolicySql('declined_reward', 'issuer')}

  -- Debts to brands that have left, written off by two people.
  create index lot_owed on lot (issuer, wallet_id) where open and debt;
  create table debt_write_off (
    external_id text primary key,
    brand text not null,
    reason text not null,
    maker text not null,
    checker text not null,
    points bigint not null check (points >= 0),
    wallets bigint not null check (wallets >= 0),
    at timestamptz not null,
    constraint debt_write_off_two_people check (maker <> checker)
  );
  ${appendOnlySql('debt_write_off')}
  ${brandPolicySql('debt_write_off')}

  -- Ranks of members as published by membership, with their beginnings: the ledger's copy, one row per wallet.
  create table member_tier (
    cell smallint not null,
    wallet_id uuid not null,
    version bigint not null,
    steps json not null,
    primary key (cell, wallet_id),
    check (cell = ledger_cell(wallet_id))
  );
`;

export const rewards = defineMigration({ id: '0011', name: 'rewards', up: functions });
