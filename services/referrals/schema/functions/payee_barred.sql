-- Whether payouts leave an owner out: the person is erased, and the last decision about the earnings was not to pay them.
create function payee_barred(key text, in_currency text) returns boolean
language sql stable as $$
select person_erased(key) and coalesce((select decision from erased_payee_decision
  where owner = key and currency = in_currency order by id desc limit 1), '') <> 'release'
$$;

grant execute on function payee_barred(text, text) to hezong_referrals;
