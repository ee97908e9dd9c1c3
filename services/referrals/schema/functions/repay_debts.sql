-- Repays debts once for all draws of a statement, because thousands of them may repay one debt.
create function repay_debts() returns trigger
language plpgsql security definer set search_path = public as $$
begin
  if exists (select from added a join earning_draw d on d.id = a.repays where (d.owner, d.currency) is distinct from (a.owner, a.currency)) then
    raise exception 'nobody repays the debt of another' using errcode = 'check_violation', constraint = 'earning_draw_owner';
  end if;
  update earning_draw d set repaid = d.repaid + a.amount
    from (select repays, sum(amount)::bigint as amount from added where repays is not null group by 1) a where d.id = a.repays;
  return null;
end $$;
