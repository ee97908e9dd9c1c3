create function ledger_expire_v1(
  p_now timestamptz, p_items ledger_expiration_item[], p_limit integer
) returns setof ledger_outcome
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare r ledger_expiration_item; v_id uuid; v_transport uuid; v_run expiration_run; v_lots record; v_cell smallint; v_wallet uuid; v_touched bigint := 0;
  v_seen uuid[]; v_wallets uuid[]; v_swept record; v_out ledger_outcome;
begin
  r := p_items[1];
  if r.wallet_id is null and (r.issuer is null or r.campaign is null) then
    raise exception 'an expiration names a wallet, or an issuer and a campaign' using errcode = 'invalid_parameter_value';
  end if;
  v_out.n := 0; v_out.replayed := true; v_out.balance := 0; v_out.held := 0; v_out.pending := 0; v_out.debt := 0;
  select operation_id into v_id from claim where cell = ledger_cell(r.key) and key = r.key;
  select operation_id into v_transport from claim where cell = ledger_cell(r.transport_key) and key = r.transport_key;
  if v_id is null and v_transport is null then
    insert into claim (cell, key, operation_id) values (ledger_cell(r.key), r.key, r.id) on conflict do nothing;
    select operation_id into strict v_id from claim where cell = ledger_cell(r.key) and key = r.key;
    insert into expiration_run (id, brand, external_id, request_hash, reason, result)
      values (r.id, r.brand, r.external_id, r.hash, r.reason, r.result::json) on conflict do nothing;
  end if;
  select * into v_run from expiration_run where id = v_id for update;
  v_out.subject_id := coalesce(v_id, r.id); v_out.posted_at := coalesce(v_run.posted_at, p_now);
  if v_run.request_hash is distinct from r.hash or v_transport <> v_id then
    v_out.verdict := 'conflict';
    return next v_out;
    return;
  end if;
  if v_transport is null and r.transport_key is not null then perform ledger_bind_v1(array[r.key], array[r.transport_key]); end if;
  v_out.verdict := 'created'; v_out.result := v_run.result::text;
  if v_run.posted_at is null then
    v_out.replayed := false; v_out.result := null;
    -- one statement per case, so that a generic plan finds the lots by key
    if r.wallet_id is not null then
      select array_agg(wallet_id) into v_wallets from (
        select wallet_id from lot where cell = ledger_cell(r.wallet_id) and wallet_id = r.wallet_id and not debt
          and (expires_at is null or expires_at > p_now)
          and (r.issuer is null or issuer = r.issuer) and (r.campaign is null or campaign = r.campaign) limit 1) x;
    else
      select array_agg(wallet_id order by wallet_id), array_agg(wallet_id order by wallet_id) filter (where lives) into v_seen, v_wallets from (
        select wallet_id, bool_or(not debt and (expires_at is null or expires_at > p_now)) as lives from lot
        where campaign is not null and issuer = r.issuer and campaign = r.campaign
          and wallet_id > coalesce(v_run.reached, '00000000-0000-0000-0000-000000000000')
        group by wallet_id order by wallet_id limit p_limit) x;
    end if;
    foreach v_wallet in array coalesce(v_wallets, '{}') loop
      v_cell := ledger_cell(v_wallet);
      perform from wallet where cell = v_cell and wallet_id = v_wallet for no key update;
      perform ledger_settle_wallets(array[v_wallet], p_now);
      -- points that are held, not yet available or spent expire when they become available
      with closed as (
        update lot set expires_at = p_now, agreed_expires_at = coalesce(agreed_expires_at, expires_at, 'infinity')
        where cell = v_cell and wallet_id = v_wallet and not debt
          and (expires_at is null or expires_at > p_now)
          and (r.issuer is null or issuer = r.issuer) and (r.campaign is null or campaign = r.campaign)
        returning id, pending, remaining, open
      )
      select count(*) filter (where not pending and remaining > 0) as free, count(*) filter (where open) as n into v_lots from closed;
      if v_lots.free > 0 then
        -- everything due earlier has been done
        select * into v_swept from ledger_sweep_wallets(array[v_wallet], p_now, p_reference => r.external_id);
        v_run.points := v_run.points + v_swept.points;
      end if;
      v_run.lots := v_run.lots + v_lots.n;
      -- a call for any one of these wallets waits for all
      v_touched := v_touched + v_lots.n;
      exit when v_touched >= 1000;
    end loop;
    -- another round finds points that meanwhile came to wallets already passed
    v_run.going := r.wallet_id is null and (v_run.going or v_wallets is not null);
    v_run.reached := case when v_touched >= 1000 and r.wallet_id is null then v_wallet else v_seen[p_limit] end;
    if v_run.reached is not null or v_run.going then
      v_out.verdict := 'continue';
    else
      v_run.posted_at := p_now;
    end if;
    update expiration_run set points = v_run.points, lots = v_run.lots, posted_at = v_run.posted_at, reached = v_run.reached,
      going = v_run.going and v_run.reached is not null
    where id = v_id;
  end if;
  v_out.detail := json_build_object('points', v_run.points, 'lots', v_run.lots)::text;
  return next v_out;
end $$;

grant execute on function ledger_expire_v1(timestamptz, ledger_expiration_item[], integer) to hezong_ledger;
