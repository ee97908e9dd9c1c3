create function guard_commission() returns trigger
language plpgsql as $$
declare
  allowed constant jsonb := '{
    "estimated": ["pending", "held", "fraud_hold", "duplicate", "cancelled"],
    "pending": ["held", "cancelled", "fraud_hold"], "held": ["payable", "reversed", "fraud_hold"],
    "payable": ["paid", "reversed"], "paid": ["payable", "reversed"], "fraud_hold": ["pending", "held", "cancelled", "reversed"],
    "cancelled": [], "duplicate": [], "reversed": []}';
begin
  if tg_op = 'DELETE' then
    raise exception 'a commission is never deleted' using errcode = 'restrict_violation';
  end if;
  if tg_op = 'INSERT' then
    if new.state in ('payable', 'paid', 'reversed', 'cancelled') then
      raise exception 'no commission begins as %', new.state using errcode = 'restrict_violation';
    end if;
    insert into commission_state (commission_id, brand, state, reason, at) values (new.id, new.brand, 'estimated', null, new.posted_at);
  else
    if (new.id, new.order_id, new.brand, new.wallet_id, new.base, new.rest, new.occurred_at, new.posted_at, new.return_days, new.plan, new.currency)
         is distinct from (old.id, old.order_id, old.brand, old.wallet_id, old.base, old.rest, old.occurred_at, old.posted_at, old.return_days, old.plan, old.currency)
      or (old.hold_until is not null and (new.received_at, new.hold_until) is distinct from (old.received_at, old.hold_until))
      or new.remaining > old.remaining or new.rest_remaining > old.rest_remaining or (new.unbound and not old.unbound)
    then
      raise exception 'commission % keeps its order, plan and hold', old.id using errcode = 'restrict_violation';
    end if;
    if new.state = old.state then return new; end if;
    if not allowed -> old.state ? new.state then
      raise exception 'commission % cannot go from % to %', old.id, old.state, new.state using errcode = 'restrict_violation';
    end if;
    if new.state in ('payable', 'paid') and new.hold_until > alliance_now() then
      raise exception 'commission % is on hold until %', old.id, old.hold_until using errcode = 'check_violation', constraint = 'commission_hold';
    end if;
  end if;
  insert into commission_state (commission_id, brand, state, reason, at)
    values (new.id, new.brand, new.state, new.reason, case tg_op when 'INSERT' then new.posted_at else alliance_now() end);
  return new;
end $$;
