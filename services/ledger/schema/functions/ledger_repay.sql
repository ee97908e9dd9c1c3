-- Points that can be spent meet what the wallet owes their issuer: lots by their end, oldest debt first. Called whenever something
-- may have come free, so no such points lie beside such a debt afterwards. A lot past its end meets the debts that are older than that
-- end (they would have met it, had it not been away) and those of its own order, which stand for its own points. Spendable less debt
-- stays the same. Answers the points.
create function ledger_repay(p_wallet uuid, p_occurred timestamptz, p_now timestamptz) returns bigint
language plpgsql as $$
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
end $$;
