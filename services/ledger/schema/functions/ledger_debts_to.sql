-- Debts of a wallet to an issuer, or their written-off parts, oldest first.
create function ledger_debts_to(
  b wallet, p_issuer text, p_written_off boolean, out ids uuid[], out points bigint[], out earned timestamptz[],
  out origins uuid[], out sources uuid[]
)
language plpgsql stable as $$
declare l lot;
begin
  ids := '{}'; points := '{}'; earned := '{}'; origins := '{}'; sources := '{}';
  for l in select * from lot where cell = b.cell and wallet_id = b.wallet_id and debt and lapsed is not null and issuer = p_issuer
      and p_written_off
    union all select * from lot where cell = b.cell and wallet_id = b.wallet_id and open and debt and issuer = p_issuer
      and not p_written_off
    order by earned_at, id
  loop
    ids := ids || l.id; points := points || case when p_written_off then l.lapsed else l.remaining end;
    earned := earned || l.earned_at; origins := origins || l.origin_id; sources := sources || l.posting_id;
  end loop;
end $$;
