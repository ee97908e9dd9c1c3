-- Sum of a list of amounts; strict, so a null list costs no call.
create function ledger_total(bigint[]) returns bigint
language plpgsql immutable strict parallel safe as $$
declare v_total bigint := 0; v_amount bigint;
begin
  foreach v_amount in array $1 loop v_total := v_total + v_amount; end loop;
  return v_total;
end $$;
