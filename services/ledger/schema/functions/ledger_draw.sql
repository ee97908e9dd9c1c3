-- The lots that a spend at a place draws on: the alliance's preferences, then earliest expiry, earliest earned, id. A preference
-- divides the lots in two, so several divide them into turns, taken one after the other. Reads no more lots than it needs.
create function ledger_draw(
  p_cell smallint, p_wallet uuid, p_points bigint, p_now timestamptz, p_prefers text[], p_brand text, p_store text
) returns table(ordinal integer, lot_id uuid, take bigint)
language plpgsql stable as $$
declare l record; v_left bigint := p_points;
begin
  ordinal := 0;
  for v_turn in 0 .. (1 << cardinality(p_prefers)) - 1 loop
    for l in select id, remaining from lot where cell = p_cell and wallet_id = p_wallet and open and not pending and not debt
      and remaining > 0 and (expires_at is null or expires_at > p_now) and ledger_allows(places, p_brand, p_store)
      and (p_prefers = '{}' or v_turn = ledger_turn(p_prefers, places is not null, issuer = p_brand))
      order by expires_at, earned_at, id
    loop
      lot_id := l.id; take := least(v_left, l.remaining);
      return next;
      v_left := v_left - take; ordinal := ordinal + 1;
      exit when v_left = 0;
    end loop;
    exit when v_left = 0;
  end loop;
  if v_left > 0 then raise exception 'lots do not cover the balance of wallet %', p_wallet using errcode = 'data_corrupted'; end if;
end $$;
