import { brandPolicySql, defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS, MANY_LOTS } from './sql.js';

/** Processes what becomes due by time in wallets that receive no calls; and early expiry by the operator. */
const due = `
  -- Settles wallets before they are read.
  create function ledger_settle_v1(p_now timestamptz, p_wallets uuid[]) returns setof ledger_outcome
  language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  begin
    return query select (place - 1)::integer, 'created', false, null::text, null::bigint, null::text, w.was_posted - w.was_held, w.was_held,
      w.was_pending, w.was_debt, null::text, null::uuid, null::uuid, w.wallet_posted_at
    from unnest(ledger_lock_wallets(p_now, p_wallets)) with ordinality w(cell, epoch, xid, wallet_posted_at, was_posted, was_held,
      was_pending, was_debt, was_limited, was_wallet_version, was_given_from, was_given, was_owing, place);
  end $fn$;

  -- Wallets that cannot be settled, and why. They are skipped until their next attempt; the intervals grow.
  create table due_fault (
    cell smallint not null,
    tries integer not null default 1,
    wallet_id uuid not null,
    since timestamptz not null default clock_timestamp(),
    retry_at timestamptz not null,
    fault text not null,
    primary key (cell, wallet_id)
  );
  revoke insert, update, delete, truncate, references, trigger on due_fault from public, hezong_ledger;

  -- Settles some of the wallets where something is due, longest overdue first; skips wallets that another transaction has locked. If
  -- one of them cannot be settled, the others are settled one by one. Returns the number of things done, the wallets that could not be
  -- settled now, and the number of all such wallets.
  create function ledger_settle_due_v1(p_now timestamptz, p_limit integer, out done integer, out failed uuid[], out unsettled integer)
  language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets uuid[]; v_wallet uuid; v_fault text; v_lots bigint := 0;
  begin
    done := 0; failed := '{}';
    for v_wallet in with fault as materialized (
      select wallet_id, retry_at <= clock_timestamp() as again from due_fault
    ), due as (
      (select wallet_id from lot where open and pending and available_from <= p_now
        and wallet_id not in (select wallet_id from fault) order by available_from limit p_limit)
      union (select wallet_id from hold where open and expires_at <= p_now
        and wallet_id not in (select wallet_id from fault) order by expires_at limit p_limit)
      union (select wallet_id from lot where open and expires_at <= p_now and not pending and remaining > 0
        and wallet_id not in (select wallet_id from fault) order by expires_at limit p_limit)
      union (select wallet_id from fault where again)
    )
    select wallet_id from due order by wallet_id
    loop
      perform from wallet where cell = ledger_cell(v_wallet) and wallet_id = v_wallet for no key update skip locked;
      continue when not found;
      v_wallets := v_wallets || v_wallet;
      -- a call for any one of them waits for all
      v_lots := v_lots + (select count(*) from (
        select from lot where cell = ledger_cell(v_wallet) and wallet_id = v_wallet and open limit ${MANY_LOTS}) x);
      exit when v_lots >= ${MANY_LOTS};
    end loop;
    if v_wallets is not null then
      begin
        select s.done into done from ledger_settle_wallets(v_wallets, p_now) s;
        delete from due_fault f using unnest(v_wallets) w where f.cell = ledger_cell(w) and f.wallet_id = w;
      exception when others then
        -- a shortage on the server is not the fault of a wallet
        if left(sqlstate, 2) in ('40', '53', '55', '57', '58') then raise; end if;
        done := 0;
        foreach v_wallet in array v_wallets loop
          begin
            select done + s.done into done from ledger_settle_wallets(array[v_wallet], p_now) s;
            delete from due_fault where cell = ledger_cell(v_wallet) and wallet_id = v_wallet;
          exception when others then
            if left(sqlstate, 2) in ('40', '53', '55', '57', '58') then raise; end if;
            v_fault := sqlstate || ' ' || sqlerrm;
            failed := failed || v_wallet;
            insert into due_fault as f (cell, wallet_id, retry_at, fault)
              values (ledger_cell(v_wallet), v_wallet, clock_timestamp() + interval '1 minute', v_fault)
            on conflict (cell, wallet_id) do update set tries = f.tries + 1, fault = excluded.fault,
              retry_at = clock_timestamp() + least(f.tries + 1, 60) * interval '1 minute';
          end;
        end loop;
      end;
    end if;
    select count(*) into unsettled from due_fault;
  end $fn$;

  -- Makes the next sweep try a wallet again; false unless the wallet cannot be settled.
  create function ledger_retry_due_v1(p_wallet uuid) returns boolean language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  begin
    update due_fault set retry_at = clock_timestamp() where cell = ledger_cell(p_wallet) and wallet_id = p_wallet;
    return found;
  end $fn$;
  grant execute on function ledger_retry_due_v1(uuid) to hezong_ledger;

  -- An early expiry. It runs wallet by wallet in separate batches and can be resumed where it stopped. It belongs to no wallet, so its
  -- answer is stored here too.
  create table expiration_run (
    id uuid primary key,
    brand text not null,
    external_id text not null,
    request_hash bytea not null,
    reason text not null,
    points bigint not null default 0,
    lots integer not null default 0,
    result json not null,
    -- the last wallet reached in this round, and whether the round has ended any points; the run is over after a round that ends none
    reached uuid,
    going boolean not null default false,
    -- when the run was completed
    posted_at timestamptz
  );
  ${brandPolicySql('expiration_run')}
  revoke insert, update, delete, truncate, references, trigger on expiration_run from public, hezong_ledger;

  -- One batch of it. The verdict is 'continue' until nothing is left; then the answer is final.
  create type ledger_expiration_item as (brand text, external_id text, key uuid, hash bytea, transport_key uuid, id uuid,
    issuer text, campaign text, wallet_id uuid, reason text, result text);

  create function ledger_expire_v1(p_now timestamptz, p_items ledger_expiration_item[], p_limit integer) returns setof ledger_outcome
  language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
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
        exit when v_touched >= ${MANY_LOTS};
      end loop;
      -- another round finds points that meanwhile came to wallets already passed
      v_run.going := r.wallet_id is null and (v_run.going or v_wallets is not null);
      v_run.reached := case when v_touched >= ${MANY_LOTS} and r.wallet_id is null then v_wallet else v_seen[p_limit] end;
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
  end $fn$;

  grant execute on function ledger_settle_v1(timestamptz, uuid[]) to hezong_ledger;
  grant execute on function ledger_settle_due_v1(timestamptz, integer) to hezong_ledger;
  grant execute on function ledger_expire_v1(timestamptz, ledger_expiration_item[], integer) to hezong_ledger;
`;

export const dueWork = defineMigration({ id: '0006', name: 'due work', up: due });
