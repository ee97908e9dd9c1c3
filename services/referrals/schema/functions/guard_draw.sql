-- Adds to what is taken of a share and repaid of a debt; the checks of these columns refuse more than there is.
create function guard_draw() returns trigger
language plpgsql security definer set search_path = public as $$
declare
  share record;
begin
  if tg_op = 'DELETE' then
    raise exception 'a taking is never deleted' using errcode = 'restrict_violation';
  end if;
  if tg_op = 'UPDATE' then
    if to_jsonb(new) - array['given_back', 'owed', 'repaid'] is distinct from to_jsonb(old) - array['given_back', 'owed', 'repaid']
      or new.given_back < old.given_back or new.owed < old.owed or (new.repaid <> old.repaid and pg_trigger_depth() = 1)
    then
      raise exception 'a taking is never changed' using errcode = 'restrict_violation';
    end if;
    if new.payout_id is not null and new.repays is null and (new.given_back, new.owed) is distinct from (old.given_back, old.owed)
      and ((select state from payout where id = new.payout_id) = 'draft') <> (new.owed = old.owed)
    then
      raise exception 'only a draft gives back, only what was released is owed' using errcode = 'restrict_violation';
    end if;
    update commission_party set taken = taken - (new.given_back - old.given_back) - (new.owed - old.owed)
      where commission_id = new.commission_id and party = new.party and (new.given_back, new.owed) is distinct from (old.given_back, old.owed);
    update earning_draw set repaid = repaid - (new.given_back - old.given_back) where id = new.repays and new.given_back <> old.given_back;
    return new;
  end if;
  select c.state, c.hold_until, p.owner, p.currency into share
    from commission c join commission_party p on p.commission_id = c.id
    where c.id = new.commission_id and p.party = new.party for update of p;
  if not found or share.state not in ('payable', 'paid') or share.hold_until is null or share.hold_until > alliance_now() then
    raise exception 'nothing of commission % may be taken before its hold is over', new.commission_id
      using errcode = 'check_violation', constraint = 'commission_hold';
  end if;
  if (share.owner, share.currency, 0, 0, 0) is distinct from (new.owner, new.currency, new.given_back, new.owed, new.repaid) then
    raise exception 'a taking begins whole, for the owner of its share' using errcode = 'check_violation', constraint = 'earning_draw_owner';
  end if;
  update commission_party set taken = taken + new.amount where commission_id = new.commission_id and party = new.party;
  return new;
end $$;
