-- The brand whose order earned a lot of the operator, which funds the bonus of a rank; the issuer of any other lot.
create function ledger_earned_at(p_cell smallint, p_issuer text, p_origin uuid) returns text
language plpgsql stable as $$
begin
  if p_issuer <> 'operator' then return p_issuer; end if;
  return coalesce((select brand from purchase where cell = p_cell and id = p_origin), p_issuer);
end $$;
