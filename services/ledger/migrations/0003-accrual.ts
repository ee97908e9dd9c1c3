import { defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS, itemsSql, replaysSql } from './sql.js';

const KIND = 'r.kind';

/**
 * Orders and grants. One statement does a whole batch after the wallets are locked: each wallet appears at most once, so every
 * number of an item follows from its own row and one running sum for the brand's account.
 */
const accrue = `
  create function ledger_accrue_v1(p_slot smallint, p_now timestamptz, p_wallets uuid[], p_items json, p_lots json)
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_debts boolean; v_out ledger_outcome[]; r record; v_paid bigint;
  begin
    v_debts := ledger_lock_wallets(p_slot, p_now, p_wallets);
    with i as materialized (
      ${itemsSql(
        KIND,
        `kind operation_kind, member_ref text, store text, issuer text, spendable bigint, pending bigint, stillborn bigint,
         next_expiry timestamptz, pending_posting_id uuid, currency text, campaign text, document json`,
      )}
    ), w as materialized (
      select i.*, was_posted + was_pending + spendable + pending <= 9007199254740991 as ok,
        b.id as issued,
        case when was_debt > 0 and spendable > stillborn then least(spendable - stillborn, coalesce((select sum(d.remaining) from lot d
          where d.wallet_account = i.account_id and d.open and d.debt and d.issuer = i.issuer), 0))::bigint else 0 end as repaid
      from i cross join lateral (select coalesce((select a.id from account a where a.owner = i.issuer and a.kind = 'issued'),
        ledger_brand_account(i.issuer, 'issued')) as id) b
      where not known
    ), l as materialized (
      select l.*, w.account_id, w.issuer, w.at, w.id as origin_id, w.external_id, w.member_ref,
        case when l.pending then w.pending_posting_id else w.posting_id end as posting_id,
        was_wallet_version + 1 + (l.pending and w.spendable > 0)::int as version
      from json_to_recordset(p_lots) as l(n integer, ordinal smallint, id uuid, points bigint, pending boolean,
        available_from timestamptz, expires_at timestamptz, campaign text, reason text, rule_id text)
      join w using (n) where w.ok
    ), p as materialized (
      select n, posting_id as id, 'accrual'::posting_kind as kind, was_wallet_version + 1 as version, spendable as points
      from w where ok and spendable > 0
      union all
      select n, pending_posting_id, 'accrual_pending', was_wallet_version + 1 + (spendable > 0)::int, pending
      from w where ok and pending > 0
    ), new_posting as (
      insert into posting (wallet_account, wallet_version, id, kind, wallet_id, brand, store, member_ref, points, occurred_at,
        posted_at, reference, order_id, campaign)
      select w.account_id, p.version, p.id, p.kind, w.wallet_id, w.brand, w.store, w.member_ref, p.points, w.occurred_at, w.at,
        w.external_id, w.id, w.campaign
      from p join w using (n) order by w.n
    ), new_balance as (
      update account_balance b set credits_posted = b.credits_posted + w.spendable, version = b.version + (w.spendable > 0)::int,
        wallet_version = b.wallet_version + (w.spendable > 0)::int + (w.pending > 0)::int,
        next_expiry = least(b.next_expiry, w.next_expiry), posted_at = w.at
      from w where w.ok and b.account_id = w.account_id and b.slot = 0 and w.spendable + w.pending > 0
    ), new_pending as (
      insert into account_balance as b (account_id, slot, credits_posted, version)
      select account_id, 1, pending, 1 from w where ok and pending > 0
      on conflict (account_id, slot) do update set credits_posted = b.credits_posted + excluded.credits_posted, version = b.version + 1
      returning b.account_id, b.version, b.credits_posted - b.debits_posted as balance
    ), new_entry as (
      insert into entry (account_id, slot, version, posting_id, amount, balance_after)
      select account_id, 0, was_version + 1, posting_id, spendable, was_posted + spendable from w where ok and spendable > 0
      union all
      select q.account_id, 1, q.version, w.pending_posting_id, w.pending, q.balance from new_pending q join w using (account_id)
      union all
      select e.* from (select array_agg(w.issued order by w.n) as accounts, array_agg(p.id order by w.n) as postings,
        array_agg(-p.points order by w.n) as amounts from p join w using (n)) g,
        ledger_post_brand_legs(p_slot, g.accounts, g.postings, g.amounts) e
    ), new_lot as (
      insert into lot (wallet_account, id, issuer, points, remaining, pending, available_from, expires_at, earned_at, campaign, reason,
        rule_id, origin_id, reference, member_ref, posting_id)
      select account_id, id, issuer, points, points, pending, available_from, expires_at, at, campaign, reason, rule_id, origin_id,
        external_id, member_ref, posting_id
      from l
    ), new_allocation as (
      insert into allocation (wallet_account, wallet_version, ordinal, posting_id, lot_id, points)
      select account_id, version, ordinal, posting_id, id, points from l
    ), new_purchase as (
      insert into purchase (id, brand, wallet_account, wallet_id, member_ref, store, external_id, occurred_at, posted_at, currency,
        campaign, document, points_earned, posting_id)
      select id, brand, account_id, wallet_id, member_ref, store, external_id, occurred_at, at, currency, campaign, document,
        spendable + pending, case when spendable > 0 then posting_id when pending > 0 then pending_posting_id end
      from w where ok and document is not null order by n
    ), new_operation as (
      insert into operation as o (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id,
        decline, decline_limit, result, balance, held, pending, debt, detail, posted_at)
      select brand, kind, key, external_id, hash, transport_key, wallet_id, id,
        case when ok and spendable > 0 then posting_id when ok and pending > 0 then pending_posting_id end,
        case when not ok then 'wallet_limit_exceeded' end,
        case when not ok then greatest(0, 9007199254740991 - was_posted - was_pending) end, result,
        was_posted - was_held + case when ok then spendable - stillborn else 0 end, was_held,
        was_pending + case when ok then pending else 0 end, was_debt - case when ok then repaid else 0 end,
        case when ok and repaid > 0 then json_build_object('repaid', repaid) end, at
      from w order by brand, kind, key
      returning o.*
    ), answer as (
      select w.n, case when ok then 'created' else 'declined' end as verdict, false as replayed, o.decline, o.decline_limit,
        null::text as result, o.balance, o.held, o.pending, o.debt, o.detail::text as detail, o.subject_id, o.posting_id, o.posted_at
      from new_operation o join w on w.id = o.subject_id
      union all ${replaysSql('i.kind')}
    )
    select array_agg(row(answer.*)::ledger_outcome) into v_out from answer;

    if v_debts then
      for r in select o.subject_id, o.posted_at, a.id as account_id, i.issuer
        from unnest(v_out) o join json_to_recordset(p_items) as i(n integer, wallet_id uuid, issuer text) using (n)
        join account a on a.wallet_id = i.wallet_id
        where not o.replayed and o.verdict = 'created' and o.detail is not null
      loop
        perform ledger_repay(p_slot, r.account_id, r.issuer, r.subject_id, r.posted_at);
      end loop;
    end if;
    perform ledger_sweep_due(p_slot, p_now, p_wallets) where exists (
      select from json_to_recordset(p_items) as i(stillborn bigint) where stillborn > 0);
    return query select * from unnest(v_out);
  end $fn$;

  -- Sweeps again at the end of a batch: an operation may have handed out points that are past their expiry.
  create function ledger_sweep_due(p_slot smallint, p_now timestamptz, p_wallets uuid[]) returns void language plpgsql volatile as $fn$
  declare r record;
  begin
    for r in select b.account_id from account a join account_balance b on b.account_id = a.id and b.slot = 0
      where a.wallet_id = any(p_wallets) and b.next_expiry <= p_now order by b.account_id
    loop
      perform ledger_sweep_wallet(p_slot, r.account_id, p_now);
    end loop;
  end $fn$;
  grant execute on function ledger_accrue_v1(smallint, timestamptz, uuid[], json, json) to hezong_ledger;
`;

export const accrual = defineMigration({ id: '0003', name: 'accrual', up: accrue });
