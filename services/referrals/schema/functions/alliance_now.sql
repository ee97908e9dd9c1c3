create function alliance_now() returns timestamptz
language sql stable security definer set search_path = public as $$
select coalesce((select at from frozen_clock), clock_timestamp())
$$;

grant execute on function alliance_now() to hezong_referrals;
