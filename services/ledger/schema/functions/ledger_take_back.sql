-- Takes up to p_points from lots of one group and appends them to the given lists.
create function ledger_take_back(
  p_wallet uuid, p_issuer text, p_origin uuid, p_stage text, p_now timestamptz, p_points bigint, inout p_lots uuid[],
  inout p_amounts bigint[], out taken bigint
)
language plpgsql as $$
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
end $$;
