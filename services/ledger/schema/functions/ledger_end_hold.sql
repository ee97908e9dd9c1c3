-- Ends a hold that has run out: what it still held returns to its lots.
create function ledger_end_hold(b wallet, p_hold hold, p_now timestamptz) returns wallet
language plpgsql as $$
declare v_posting posting; v_left bigint := p_hold.points - p_hold.captured - p_hold.released;
begin
  with part as materialized (
    -- with the whole key, so that each row is found by key
    select cell, hold_id, p_hold.wallet_id as wallet_id, ordinal, lot_id, points - captured - released as freed from hold_lot
    where cell = p_hold.cell and hold_id = p_hold.id and points > captured + released
  ), freed as (
    update hold_lot k set released = k.released + part.freed
    from part where k.cell = part.cell and k.hold_id = part.hold_id and k.ordinal = part.ordinal
  )
  update lot l set held = l.held - part.freed, remaining = l.remaining + part.freed
  from part where l.cell = part.cell and l.wallet_id = part.wallet_id and l.id = part.lot_id;
  update hold set status = 'expired', open = false, released = released + v_left where cell = p_hold.cell and id = p_hold.id;
  b.held := b.held - v_left;
  v_posting.id := ledger_uuidv7(p_hold.wallet_id); v_posting.kind := 'authorization_expired'; v_posting.wallet_id := p_hold.wallet_id;
  v_posting.brand := p_hold.brand; v_posting.store := p_hold.store; v_posting.member_ref := p_hold.member_ref;
  v_posting.points := v_left; v_posting.occurred_at := p_hold.expires_at; v_posting.posted_at := p_now;
  v_posting.reference := p_hold.reference; v_posting.hold_id := p_hold.id;
  v_posting.quoted_reimbursement_micro := p_hold.quoted_reimbursement_micro; v_posting.campaign := p_hold.campaign;
  return ledger_add_posting(b, v_posting, 0, 0, '{}', '{}', '{}', '{}', '{}');
end $$;
