import { appendOnlySql, defineMigration } from '#libs/postgres';

/**
 * The order in which a spend takes lots: the alliance's rule, versioned and the same on every server. Each hold stores the version
 * it was drawn by.
 */
const drawOrders = `
  create table draw_order (
    version integer primary key check (version > 0),
    -- preferences that precede the earliest expiry, the most important first
    prefers text[] not null,
    made_at timestamptz not null default clock_timestamp(),
    constraint draw_order_each_once check (prefers <@ array['limited', 'own']
      and cardinality(prefers) = ('limited' = any(prefers))::int + ('own' = any(prefers))::int)
  );
  insert into draw_order (version, prefers) values (1, '{}');
  ${appendOnlySql('draw_order')}
  revoke insert, update, delete, truncate, references, trigger on draw_order from public, hezong_ledger;

  -- Adds a version. If the newest version has the same content, it is returned instead.
  create function ledger_draw_by_v1(p_prefers text[]) returns draw_order language plpgsql volatile security definer
  set search_path = pg_catalog, public, pg_temp as $fn$
  declare v_newest draw_order;
  begin
    lock table draw_order in share row exclusive mode;
    select * into strict v_newest from draw_order order by version desc limit 1;
    if v_newest.prefers <> p_prefers then
      insert into draw_order (version, prefers) values (v_newest.version + 1, p_prefers) returning * into v_newest;
    end if;
    return v_newest;
  end $fn$;
  revoke execute on function ledger_draw_by_v1(text[]) from public;
  grant execute on function ledger_draw_by_v1(text[]) to hezong_ledger;
`;

export const drawOrder = defineMigration({ id: '0012', name: 'draw order', up: drawOrders });
