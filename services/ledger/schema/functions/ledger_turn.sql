-- The turn of a lot: one binary digit per preference, the most important first, 0 if the preference applies to the lot.
create function ledger_turn(p_prefers text[], p_limited boolean, p_own boolean) returns integer
language sql immutable as $$
select sum(case when case p when 'limited' then p_limited when 'own' then coalesce(p_own, false) end then 0
  else 1 << (cardinality(p_prefers) - n::integer) end)::integer
from unnest(p_prefers) with ordinality u(p, n)
$$;
