-- Begins a new epoch if the database was moved to another cluster. Called before anything is posted or published.
create function ledger_enter_v1() returns smallint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare v_cluster text; v_node node;
begin
  select system_identifier into v_cluster from pg_control_system();
  select * into strict v_node from node;
  if v_node.cluster <> v_cluster then
    update node set epoch = epoch + 1, cluster = v_cluster where cluster <> v_cluster;
    select * into strict v_node from node;
  end if;
  return v_node.epoch;
end $$;

grant execute on function ledger_enter_v1() to hezong_ledger;
