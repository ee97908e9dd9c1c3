-- Adds a version. If the newest version has the same content, it is returned instead.
create function ledger_draw_by_v1(p_prefers text[]) returns draw_order
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare v_newest draw_order;
begin
  lock table draw_order in share row exclusive mode;
  select * into strict v_newest from draw_order order by version desc limit 1;
  if v_newest.prefers <> p_prefers then
    insert into draw_order (version, prefers) values (v_newest.version + 1, p_prefers) returning * into v_newest;
  end if;
  return v_newest;
end $$;

grant execute on function ledger_draw_by_v1(text[]) to hezong_ledger;
