-- Points that can be spent meet what was written off for their issuer, as they would have met the debt: as many expire, oldest debt
-- first. No return of their order takes them again, as they stand for goods that came back already: their allocations name the
-- posting that made the debt.
create function ledger_meet_write_offs(p_wallet uuid, p_occurred timestamptz, p_now timestamptz) returns void
language plpgsql as $$
#variable_conflict use_column
declare d record; l record; v_cell smallint := ledger_cell(p_wallet); v_take bigint; v_met bigint; v_posting posting;
  v_points bigint[]; v_originals uuid[];
begin
  if not exists (select from wallet where cell = v_cell and wallet_id = p_wallet and written_off > 0) then return; end if;
  for l in select * from lot where cell = v_cell and wallet_id = p_wallet and open and not pending and not debt and remaining > 0
    and issuer in (select issuer from lot where cell = v_cell and wallet_id = p_wallet and debt and lapsed is not null)
    order by expires_at, earned_at, id
  loop
    v_met := 0; v_points := '{}'; v_originals := '{}';
    for d in select * from lot where cell = v_cell and wallet_id = p_wallet and debt and lapsed is not null and issuer = l.issuer
      and (l.expires_at is null or earned_at < l.expires_at or origin_id = l.origin_id) order by earned_at, id
    loop
      exit when v_met = l.remaining;
      v_take := least(l.remaining - v_met, d.lapsed);
      update lot set lapsed = nullif(d.lapsed - v_take, 0) where cell = v_cell and wallet_id = p_wallet and id = d.id;
      v_points := v_points || -v_take; v_originals := v_originals || d.posting_id; v_met := v_met + v_take;
    end loop;
    continue when v_met = 0;
    update lot set remaining = remaining - v_met, open = remaining - v_met + held > 0
    where cell = v_cell and wallet_id = p_wallet and id = l.id;
    update wallet set written_off = written_off - v_met where cell = v_cell and wallet_id = p_wallet;
    v_posting := null;
    v_posting.id := ledger_uuidv7(p_wallet); v_posting.kind := 'expiry'; v_posting.wallet_id := p_wallet;
    v_posting.brand := l.issuer; v_posting.points := v_met; v_posting.occurred_at := p_occurred; v_posting.posted_at := p_now;
    v_posting.campaign := l.campaign;
    perform ledger_post_one(v_posting, -v_met, 0, ledger_brand_account(l.issuer, 'expired'),
      array_fill(l.id, array[cardinality(v_points)]), v_points, v_originals);
  end loop;
end $$;
