import { defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS, ITEMS, itemType, keySql, REPLAYS } from './sql.js';

/**
 * Points of one wallet that go to another: a posting on either side, each against the account of points under way, whose legs in sum say
 * what has left one wallet and not yet come to another. Both wallets lie on this server, so that is nothing once this commits.
 */
const functions = `
  insert into brand_account (owner, kind) values ('operator', 'transit');

  ${itemType('ledger_transfer_item', 'member_ref text, to_wallet_id uuid, to_member_ref text, to_posting_id uuid, points bigint')}

  -- The wallets that points go to stand behind those they come from.
  create function ledger_transfer_v1(p_now timestamptz, p_wallets uuid[], p_items ledger_transfer_item[])
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; r record; f wallet; t wallet; l record; v_at timestamptz; v_answer ledger_outcome; v_posting posting;
    v_lots uuid[]; v_points bigint[]; v_new uuid[]; v_none uuid[]; v_expiry timestamptz; v_limited boolean; v_prefers text[];
    v_transit integer := ledger_brand_account('operator', 'transit');
  begin
    v_wallets := (ledger_lock_wallets(p_now, p_wallets))[:cardinality(p_items)];
    return query with w as materialized (${ITEMS}) ${REPLAYS};
    select prefers into strict v_prefers from draw_order order by version desc limit 1;
    for r in select * from (${ITEMS}) i where not known order by n loop
      select greatest(r.at, posted_at) into strict v_at from wallet where cell = ledger_cell(r.to_wallet_id) and wallet_id = r.to_wallet_id;
      -- the other side may have been posted to by a clock that runs ahead
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
        v_lots := '{}'; v_points := '{}'; v_new := '{}'; v_expiry := null; v_limited := false;
        for l in select d.take, o.*, ledger_uuidv7(t.wallet_id) as new_id
          from ledger_draw(f.cell, f.wallet_id, r.points, v_at, v_prefers, null, null) d
          cross join lateral (select * from lot where cell = f.cell and wallet_id = f.wallet_id and id = d.lot_id offset 0) o
          order by d.ordinal
        loop
          update lot set remaining = remaining - l.take, open = remaining - l.take + held > 0
          where cell = f.cell and wallet_id = f.wallet_id and id = l.id;
          -- what later postings of the lot say goes to its issuer, who must not learn how another brand calls the member
          insert into lot (cell, wallet_id, id, issuer, asset, terms_id, points, remaining, available_from, expires_at, agreed_expires_at,
            earned_at, places, campaign, reason, rule_id, origin_id, reference, member_ref, posting_id)
          values (t.cell, t.wallet_id, l.new_id, l.issuer, l.asset, l.terms_id, l.take, l.take, l.available_from, l.expires_at,
            l.agreed_expires_at, l.earned_at, l.places, l.campaign, l.reason, l.rule_id, r.id,
            case when l.issuer = r.brand then r.external_id end, case when l.issuer = r.brand then r.to_member_ref end, r.to_posting_id);
          v_lots := v_lots || l.id; v_new := v_new || l.new_id; v_points := v_points || l.take;
          v_expiry := least(v_expiry, l.expires_at); v_limited := v_limited or l.places is not null;
        end loop;
        v_none := array_fill(null::uuid, array[cardinality(v_lots)]);
        v_posting := null;
        v_posting.id := r.posting_id; v_posting.kind := 'transfer_out'; v_posting.wallet_id := f.wallet_id;
        v_posting.other_wallet_id := t.wallet_id; v_posting.brand := r.brand; v_posting.member_ref := r.member_ref;
        v_posting.points := r.points; v_posting.occurred_at := r.occurred_at; v_posting.posted_at := v_at;
        v_posting.reference := r.external_id; v_posting.order_id := r.id;
        perform ledger_post_one(v_posting, -r.points, 0, v_transit, v_lots, array(select -p from unnest(v_points) with ordinality u(p, n) order by n),
          v_none, v_new);
        v_posting.id := r.to_posting_id; v_posting.kind := 'transfer_in'; v_posting.wallet_id := t.wallet_id;
        v_posting.other_wallet_id := f.wallet_id; v_posting.member_ref := r.to_member_ref;
        perform ledger_post_one(v_posting, r.points, 0, v_transit, v_new, v_points, v_none, v_lots);
        update wallet set next_due = least(next_due, v_expiry), limited = limited or v_limited
        where cell = t.cell and wallet_id = t.wallet_id;
        -- what came free there meets debts; the side that gave is settled when its answer is filed
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
