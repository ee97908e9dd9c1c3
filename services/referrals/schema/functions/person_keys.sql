-- All keys under which the person behind one of them earns at a brand: the wallet, and everything that the brand has registered as
-- this person.
create function person_keys(at_brand text, key text) returns text[]
language sql stable as $$
with wallets as (select substr(key, 8) as wallet_id where key like 'wallet:%'
                 union select wallet_id from distributor where brand = at_brand and owner = key and wallet_id is not null)
select array(select key union select 'wallet:' || wallet_id from wallets
             union select d.owner from distributor d join wallets using (wallet_id) where d.brand = at_brand order by 1)
$$;

grant execute on function person_keys(text, text) to hezong_referrals;
