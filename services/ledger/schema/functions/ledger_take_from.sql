-- Takes points of one issuer back from a locked wallet, in this order: pending points of the origin, expired points of its own lots,
-- the rest of these lots, other lots of the issuer by earliest expiry. The remainder becomes a debt under the terms of the points
-- that it stands for (p_terms if the origin gave none). Appends to the given lists.
create function ledger_take_from(
  p_wallet uuid, p_issuer text, p_origin uuid, p_now timestamptz, p_take bigint, p_debt_lot uuid, p_reference text,
  p_member text, p_posting uuid, p_terms bigint, inout p_lots uuid[], inout p_amounts bigint[],
  out from_pending bigint, out expired bigint, out to_debt bigint
)
language plpgsql as $$
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
end $$;
