create function ledger_keep_wallet(b wallet) returns void
language plpgsql as $$
begin
  update wallet w set wallet_version = b.wallet_version, posted = b.posted, held = b.held, debt = b.debt, pending = b.pending,
    written_off = b.written_off, next_due = b.next_due, posted_at = b.posted_at, epoch = b.epoch, xid = b.xid
  where w.cell = b.cell and w.wallet_id = b.wallet_id;
end $$;
