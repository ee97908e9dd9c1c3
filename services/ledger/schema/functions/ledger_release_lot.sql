-- Makes a pending lot spendable.
create function ledger_release_lot(b wallet, p_lot lot, p_occurred timestamptz, p_now timestamptz) returns wallet
language plpgsql as $$
declare v_posting posting;
begin
  update lot set pending = false
  where cell = p_lot.cell and wallet_id = p_lot.wallet_id and id = p_lot.id;
  b.next_due := least(b.next_due, p_lot.expires_at);
  v_posting.id := ledger_uuidv7(p_lot.wallet_id); v_posting.kind := 'accrual_release'; v_posting.wallet_id := p_lot.wallet_id;
  v_posting.brand := ledger_earned_at(p_lot.cell, p_lot.issuer, p_lot.origin_id); v_posting.member_ref := p_lot.member_ref;
  v_posting.points := p_lot.remaining;
  v_posting.occurred_at := p_occurred; v_posting.posted_at := p_now; v_posting.reference := p_lot.reference;
  v_posting.order_id := p_lot.origin_id; v_posting.campaign := p_lot.campaign;
  return ledger_add_posting(b, v_posting, p_lot.remaining, -p_lot.remaining, '{}', '{}', '{}', '{}', '{}');
end $$;
