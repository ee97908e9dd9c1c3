import { defineMigration } from '#libs/postgres';
import { ANSWER_REPEATS, FUNCTION_SETTINGS, itemType, keySql, NEW_ITEMS } from './sql.js';

/**
 * Transfers points from one wallet to another: one posting on each side, against the account of points in transit. The sum of its
 * legs is what has left one wallet and not yet reached another. Both wallets are on this server, so the sum is zero after each
 * commit.
 */
const functions = `
  insert into brand_account (owner, kind) values ('operator', 'transit');

  ${itemType('ledger_transfer_item', 'member_ref text, to_wallet_id uuid, to_member_ref text, to_posting_id uuid, points bigint')}

  -- In p_wallets the receiving wallets follow the giving ones.
  create function ledger_transfer_v1(p_now timestamptz, p_wallets uuid[], p_items ledger_transfer_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; f wallet; t wallet; g record; v_at timestamptz; v_answer ledger_outcome; v_posting posting;
    v_prefers text[]; v_out ledger_outcome[];
    v_transit integer := ledger_brand_account('operator', 'transit');
  begin
    v_wallets := (ledger_lock_wallets(p_now, p_wallets))[:cardinality(p_items)];
    ${ANSWER_REPEATS}
    select prefers into strict v_prefers from draw_order order by version desc limit 1;
    for r in ${NEW_ITEMS} loop
      select greatest(r.at, posted_at) into strict v_at from wallet where cell = ledger_cell(r.to_wallet_id) and wallet_id = r.to_wallet_id;
      -- a process whose clock runs ahead may have posted to the other side
      if v_at > p_now then perform ledger_settle_wallets(array[r.wallet_id, r.to_wallet_id], v_at); end if;
      select * into strict f from wallet where cell = r.cell and wallet_id = r.wallet_id;
      select * into strict t from wallet where cell = ledger_cell(r.to_wallet_id) and wallet_id = r.to_wallet_id;
      v_answer := null; v_answer.verdict := 'declined';
      v_answer.n := r.n; v_answer.subject_id := r.id; v_answer.posted_at := v_at;
      if f.posted - f.held < r.points then
        v_answer.decline := 'points_insufficient';
        v_answer.decline_limit := greatest(0, f.posted - f.held);
      elsif t.posted + t.pending + r.points > 9007199254740991 then
        v_answer.decline := 'wallet_limit_exceeded';
        v_answer.decline_limit := greatest(0, 9007199254740991 - t.posted - t.pending);
      else
        with d as materialized (
          select d.ordinal, d.take, o.*, ledger_uuidv7(t.wallet_id) as new_id
          from ledger_draw(f.cell, f.wallet_id, r.points, v_at, v_prefers, null, null) d
          cross join lateral (select * from lot where cell = f.cell and wallet_id = f.wallet_id and id = d.lot_id offset 0) o
        ), drawn as (
          update lot l set remaining = l.remaining - d.take, open = l.remaining - d.take + l.held > 0
          from d where l.cell = d.cell and l.wallet_id = d.wallet_id and l.id = d.id
        ), made as (
          -- later postings of the lot are published to its issuer, who must not learn another brand's memberRef
          insert into lot (cell, wallet_id, id, issuer, asset, terms_id, points, remaining, available_from, expires_at, agreed_expires_at,
            earned_at, places, campaign, reason, rule_id, origin_id, reference, member_ref, posting_id)
          select t.cell, t.wallet_id, new_id, issuer, asset, terms_id, take, take, available_from, expires_at, agreed_expires_at,
            earned_at, places, campaign, reason, rule_id, r.id,
            case when issuer = r.brand then r.external_id end, case when issuer = r.brand then r.to_member_ref end, r.to_posting_id
          from d
        )
        select array_agg(id order by ordinal) as lots, array_agg(new_id order by ordinal) as new_lots,
          array_agg(take order by ordinal) as points, array_agg(-take order by ordinal) as less,
          array_fill(null::uuid, array[count(*)::integer]) as none, min(expires_at) as expires_at, bool_or(places is not null) as limited
        into g from d;
        v_posting := null;
        v_posting.id := r.posting_id; v_posting.kind := 'transfer_out'; v_posting.wallet_id := f.wallet_id;
        v_posting.other_wallet_id := t.wallet_id; v_posting.brand := r.brand; v_posting.member_ref := r.member_ref;
        v_posting.points := r.points; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := v_at;
        v_posting.reference := r.external_id; v_posting.order_id := r.id;
        perform ledger_post_one(v_posting, -r.points, 0, v_transit, g.lots, g.less, g.none, g.new_lots);
        v_posting.id := r.to_posting_id; v_posting.kind := 'transfer_in'; v_posting.wallet_id := t.wallet_id;
        v_posting.other_wallet_id := f.wallet_id; v_posting.member_ref := r.to_member_ref;
        perform ledger_post_one(v_posting, r.points, 0, v_transit, g.new_lots, g.points, g.none, g.lots);
        update wallet set next_due = least(next_due, g.expires_at), limited = limited or g.limited
        where cell = t.cell and wallet_id = t.wallet_id;
        -- Points that become available there meet debts. The giving side is settled when its answer is filed.
        if t.debt + t.written_off > 0 then perform ledger_settle_wallets(array[t.wallet_id], v_at); end if;
        v_answer.verdict := 'created'; v_answer.posting_id := r.posting_id;
        v_answer.detail := json_build_object('points', r.points);
      end if;
      return next ledger_file(${keySql(`'transfer'`)}, v_answer);
    end loop;
  end $fn$;
  grant execute on function ledger_transfer_v1(timestamptz, uuid[], ledger_transfer_item[]) to hezong_ledger;
`;

export const transfers = defineMigration({ id: '0013', name: 'transfers', up: functions });
