-- Whether the person behind a key has left all brands, so that there is nobody to pay. The earnings remain owed until two people
-- decide.
create function person_erased(key text) returns boolean
language sql stable as $$
select exists (select from distributor where owner = key and wallet_id is not null)
  and not exists (select from distributor d join member_link m using (wallet_id) where d.owner = key and m.active)
$$;

grant execute on function person_erased(text) to hezong_referrals;
