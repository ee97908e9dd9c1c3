import { brandPolicySql, defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS } from './sql.js';

/** What becomes due by itself: pending points, timeouts of holds, expiry; and early expiry by the operator. Batches, skipping locked wallets. */
const due = `
  create function ledger_release_pending_v1(p_slot smallint, p_now timestamptz, p_limit integer) returns ledger_sweep
  language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets bigint[]; v_locked bigint[]; l record; v_posting posting; v_out ledger_sweep := row(0, 0);
  begin
    select array_agg(distinct wallet_account) into v_wallets from (
      select wallet_account from lot where open and pending and available_from <= p_now order by available_from limit p_limit) x;
    if v_wallets is null then return v_out; end if;
    select array_agg(account_id) into v_locked from (select account_id from account_balance where account_id = any(v_wallets) and slot = 0
      order by account_id for no key update skip locked) x;
    for l in select t.*, a.wallet_id from unnest(v_locked) k join lot t on t.wallet_account = k join account a on a.id = k
      where t.open and t.pending and t.available_from <= p_now order by t.wallet_account, t.available_from, t.id limit p_limit
    loop
      update lot set pending = false where wallet_account = l.wallet_account and id = l.id;
      v_posting := null;
      v_posting.id := ledger_uuidv7(l.wallet_id); v_posting.kind := 'accrual_release'; v_posting.wallet_account := l.wallet_account;
      v_posting.wallet_id := l.wallet_id; v_posting.brand := l.issuer; v_posting.member_ref := l.member_ref;
      v_posting.points := l.remaining; v_posting.occurred_at := l.available_from; v_posting.posted_at := p_now;
      v_posting.reference := l.reference; v_posting.order_id := l.origin_id; v_posting.campaign := l.campaign;
      perform ledger_post_one(p_slot, v_posting, l.remaining, -l.remaining, null, '{}', '{}', '{}');
      update account_balance set next_expiry = least(next_expiry, l.expires_at) where account_id = l.wallet_account and slot = 0;
      perform ledger_repay(p_slot, l.wallet_account, l.issuer, l.origin_id, p_now) where exists (
        select from account_balance where account_id = l.wallet_account and slot = 0 and debt > 0);
      if l.expires_at <= p_now then perform ledger_sweep_wallets(p_slot, array[l.wallet_account], p_now); end if;
      v_out.postings := v_out.postings + 1; v_out.points := v_out.points + l.remaining;
    end loop;
    return v_out;
  end $fn$;

  create function ledger_expire_holds_v1(p_slot smallint, p_now timestamptz, p_limit integer) returns ledger_sweep
  language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets bigint[]; v_ids uuid[]; v_items ledger_hold_item[]; v_out ledger_sweep;
  begin
    select array_agg(distinct wallet_account) into v_wallets from (
      select wallet_account from hold where open and expires_at <= p_now order by expires_at limit p_limit) x;
    if v_wallets is null then return row(0, 0)::ledger_sweep; end if;
    select array_agg(account_id) into v_wallets from (select account_id from account_balance where account_id = any(v_wallets) and slot = 0
      order by account_id for no key update skip locked) x;
    -- one hold a wallet and call: the next one follows in the next batch
    select array_agg(json_populate_record(null::ledger_hold_item, json_build_object('n', n, 'wallet_id', wallet_id, 'hold_id', id,
        'posted_at', p_now, 'occurred_at', expires_at, 'posting_id', ledger_uuidv7(wallet_id), 'timeout', true))), array_agg(wallet_id)
      into v_items, v_ids
    from (select distinct on (wallet_account) row_number() over () as n, * from hold
      where wallet_account = any(v_wallets) and open and expires_at <= p_now order by wallet_account, expires_at, id) h;
    if v_items is null then return row(0, 0)::ledger_sweep; end if;
    select count(*), coalesce(sum(p.points), 0)::bigint into v_out from ledger_void_v1(p_slot, p_now, v_ids, v_items) v
      join account a on a.wallet_id = any(v_ids) join posting p on p.wallet_account = a.id and p.id = v.posting_id;
    return v_out;
  end $fn$;

  create function ledger_sweep_expired_v1(p_slot smallint, p_now timestamptz, p_limit integer) returns ledger_sweep
  language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets bigint[]; v_out ledger_sweep := row(0, 0);
  begin
    select array_agg(distinct wallet_account) into v_wallets from (
      select wallet_account from lot where open and expires_at <= p_now and expires_at is not null and not pending and remaining > 0
      order by expires_at limit p_limit) x;
    if v_wallets is null then return v_out; end if;
    select array_agg(account_id) into v_wallets from (select account_id from account_balance where account_id = any(v_wallets) and slot = 0
      order by account_id for no key update skip locked) x;
    if v_wallets is not null then select * into v_out from ledger_sweep_wallets(p_slot, v_wallets, p_now); end if;
    return v_out;
  end $fn$;

  -- An early expiry under way: it goes wallet by wallet in batches of their own, and can be taken up again where it stopped.
  create table expiration_run (
    brand text not null,
    key bytea not null check (length(key) = 16),
    request_hash bytea not null,
    reason text not null,
    points bigint not null default 0,
    lots integer not null default 0,
    primary key (brand, key)
  );
  ${brandPolicySql('expiration_run')}
  revoke insert, update, delete, truncate, references, trigger on expiration_run from public, hezong_ledger;

  -- One batch of it; verdict 'continue' until nothing is left, then the answer is filed for good.
  create type ledger_expiration_item as (brand text, external_id text, key bytea, hash bytea, transport_key bytea, id uuid,
    issuer text, campaign text, wallet_id uuid, reason text, result text);

  create function ledger_expire_v1(p_slot smallint, p_now timestamptz, p_items ledger_expiration_item[], p_limit integer) returns setof ledger_outcome
  language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare r ledger_expiration_item; o operation; v_run expiration_run; v_lots record; v_account bigint; v_wallets bigint[]; v_swept record;
    v_out ledger_outcome;
  begin
    r := p_items[1];
    insert into expiration_run (brand, key, request_hash, reason) values (r.brand, r.key, r.hash, r.reason) on conflict (brand, key) do nothing;
    select * into v_run from expiration_run where brand = r.brand and key = r.key for update;
    v_out.n := 0; v_out.subject_id := r.id; v_out.posted_at := p_now;
    v_out.balance := 0; v_out.held := 0; v_out.pending := 0; v_out.debt := 0;
    select * into o from operation where brand = r.brand and kind = 'expiration' and key = r.key;
    if v_run.request_hash <> r.hash or exists (select from operation t where t.brand = r.brand and t.transport_key = r.transport_key
      and (t.kind, t.key) <> ('expiration', r.key)) then
      v_out.verdict := 'conflict'; v_out.replayed := true;
      return next v_out;
      return;
    elsif o.key is not null then
      v_out.verdict := 'created'; v_out.replayed := true; v_out.result := o.result::text; v_out.detail := o.detail::text;
      v_out.subject_id := o.subject_id; v_out.posted_at := o.posted_at;
      return next v_out;
      return;
    end if;
    if r.issuer is null and r.wallet_id is null then
      raise exception 'an expiration names an issuer or a wallet' using errcode = 'invalid_parameter_value';
    end if;
    select array_agg(wallet_account order by wallet_account) into v_wallets from (
      select distinct wallet_account from lot where open and not debt and (remaining > 0 or held > 0)
        and (expires_at is null or expires_at > p_now)
        and (r.issuer is null or issuer = r.issuer) and (r.campaign is null or campaign = r.campaign)
        and (r.wallet_id is null or wallet_account = (select id from account where wallet_id = r.wallet_id))
      order by wallet_account limit p_limit) x;
    if v_wallets is not null then
      foreach v_account in array v_wallets loop
        perform from account_balance where account_id = v_account and slot = 0 for no key update;
        -- points that are held or not yet available follow as soon as they come free
        with closed as (
          update lot set expires_at = p_now, agreed_expires_at = coalesce(agreed_expires_at, expires_at, 'infinity')
          where wallet_account = v_account and open and not debt and (expires_at is null or expires_at > p_now)
            and (r.issuer is null or issuer = r.issuer) and (r.campaign is null or campaign = r.campaign)
          returning id, pending, remaining
        )
        select array_agg(id) filter (where not pending and remaining > 0) as ids, count(*) as n into v_lots from closed;
        if v_lots.ids is not null then
          select * into v_swept from ledger_sweep_wallets(p_slot, array[v_account], p_now, v_lots.ids, r.external_id, p_now);
          v_run.points := v_run.points + v_swept.points;
        end if;
        v_run.lots := v_run.lots + v_lots.n;
      end loop;
      update expiration_run set points = v_run.points, lots = v_run.lots where brand = r.brand and key = r.key;
    end if;
    v_out.replayed := false;
    v_out.detail := json_build_object('points', v_run.points, 'lots', v_run.lots)::text;
    if cardinality(v_wallets) = p_limit then
      v_out.verdict := 'continue';
    else
      v_out.verdict := 'created';
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, result, balance, held, pending,
        debt, detail, posted_at)
      values (r.brand, 'expiration', r.key, r.external_id, r.hash, r.transport_key, r.wallet_id, r.id, r.result::json, 0, 0, 0, 0,
        v_out.detail::json, p_now);
    end if;
    return next v_out;
  end $fn$;

  grant execute on function ledger_release_pending_v1(smallint, timestamptz, integer) to hezong_ledger;
  grant execute on function ledger_expire_holds_v1(smallint, timestamptz, integer) to hezong_ledger;
  grant execute on function ledger_sweep_expired_v1(smallint, timestamptz, integer) to hezong_ledger;
  grant execute on function ledger_expire_v1(smallint, timestamptz, ledger_expiration_item[], integer) to hezong_ledger;
`;

export const dueWork = defineMigration({ id: '0006', name: 'due work', up: due });
