-- In which turn a lot is taken: one binary digit a preference, the weightiest first, 0 where the lot has it.
create function ledger_turn(p_prefers text[], p_limited boolean, p_own boolean) returns integer
language sql immutable as $$
select sum(case when case p when 'limited' then p_limited when 'own' then coalesce(p_own, false) end then 0
  else 1 << (cardinality(p_prefers) - n::integer) end)::integer
from unnest(p_prefers) with ordinality u(p, n)
$$;
