import { defineMigration } from '#libs/postgres';
import { FUNCTION_SETTINGS, itemsSql, itemType, replaysSql } from './sql.js';

/**
 * Orders and grants. One statement does a whole batch after the wallets are locked: each wallet appears at most once, so every
 * number of an item follows from its own row and one running sum for the brand's account. Further lots may name an issuer of their
 * own: such points have a leg of their own in the same posting, and the item says how many they are.
 */
const statement = (plain: boolean): string => {
  const general = (part: string): string => (plain ? '' : part);
  return `
    with w as materialized (
      select i.*, not known and was_posted + was_pending + spendable${general(' + pending')} <= 9007199254740991 as ok,
        coalesce((select a.id from account a where a.owner = i.issuer and a.kind = 'issued'), ledger_brand_account(i.issuer, 'issued')) as issued${general(`,
        case when not known and was_debt > 0 and spendable > stillborn
          then ledger_repayable(i.account_id, i.issuer, own_live, n, at, p_more_lots) else 0 end as repaid`)}
      from (${itemsSql('r.kind')}) i
    )${general(`, m as materialized (
      select l.id, l.n, l.ordinal, l.terms_id, l.points, l.pending, l.available_from, l.expires_at, l.campaign, l.reason, l.rule_id, w.account_id,
        coalesce(l.issuer, w.issuer) as issuer, l.issuer is not null and l.issuer <> w.issuer as other, w.at, w.id as origin_id, w.external_id, w.member_ref,
        case when l.pending then w.pending_posting_id else w.posting_id end as posting_id,
        was_wallet_version + 1 + (l.pending and w.spendable > 0)::int as version
      from unnest(p_more_lots) l join w using (n) where w.ok
    )`)}, new_posting as (
      insert into posting (wallet_account, wallet_version, id, kind, wallet_id, brand, store, member_ref, points, occurred_at,
        posted_at, reference, order_id, campaign)
      select account_id, was_wallet_version + 1, posting_id, 'accrual'::posting_kind, wallet_id, brand, store, member_ref, spendable,
        occurred_at, at, external_id, id, campaign
      from w where ok and spendable > 0${general(`
      union all
      select account_id, was_wallet_version + 1 + (spendable > 0)::int, pending_posting_id, 'accrual_pending', wallet_id, brand, store,
        member_ref, pending, occurred_at, at, external_id, id, campaign
      from w where ok and pending > 0`)}
    ), new_balance as (
      update account_balance b set credits_posted = b.credits_posted + w.spendable, version = b.version + (w.spendable > 0)::int,
        wallet_version = b.wallet_version + (w.spendable > 0)::int${general(` + (w.pending > 0)::int,
        pending = b.pending + w.pending`)},
        next_expiry = least(b.next_expiry, w.next_expiry), posted_at = w.at
      from w where w.ok and b.account_id = w.account_id and b.slot = w.wallet_slot and w.spendable${general(' + w.pending')} > 0
    )${general(`, new_pending as (
      insert into account_balance as b (account_id, slot, credits_posted, version)
      select account_id, 1, pending, 1 from w where ok and pending > 0
      on conflict (account_id, slot) do update set credits_posted = b.credits_posted + excluded.credits_posted, version = b.version + 1
      returning b.account_id, b.version, b.credits_posted - b.debits_posted as balance
    )`)}, new_entry as (
      insert into entry (account_id, slot, version, posting_id, amount, balance_after)
      select account_id, 0, was_version + 1, posting_id, spendable, was_posted + spendable from w where ok and spendable > 0
      union all
      ${general(`select q.account_id, 1, q.version, w.pending_posting_id, w.pending, q.balance from new_pending q join w using (account_id)
      union all`)}
      select e.* from (
        select array_agg(issued) as accounts, array_agg(posting_id) as postings, array_agg(-points) as amounts from (
          select issued, posting_id, spendable${general(' - other_spendable')} as points from w where ok and spendable > ${plain ? '0' : 'other_spendable'}
          ${general(`union all select issued, pending_posting_id, pending - other_pending from w where ok and pending > other_pending
          union all select ledger_brand_account(o.issuer, 'issued'), o.posting_id, o.points from (
            select issuer, posting_id, sum(points)::bigint as points from m where other group by issuer, posting_id) o`)}) x) g,
        ledger_post_brand_legs(p_slot, g.accounts, g.postings, g.amounts) e where g.accounts is not null
    ), new_lot as (
      insert into lot (wallet_account, id, issuer, terms_id, points, remaining, pending, available_from, expires_at, earned_at, campaign, reason,
        rule_id, origin_id, reference, member_ref, posting_id)
      select account_id, lot_id, issuer, lot_terms_id, lot_points, lot_points, lot_pending, lot_available_from, lot_expires_at, at, lot_campaign,
        lot_reason, lot_rule_id, id, external_id, member_ref, case when lot_pending then pending_posting_id else posting_id end
      from w where ok and lot_id is not null${general(`
      union all
      select account_id, id, issuer, terms_id, points, points, pending, available_from, expires_at, at, campaign, reason, rule_id, origin_id,
        external_id, member_ref, posting_id
      from m`)}
    ), new_allocation as (
      insert into allocation (wallet_account, wallet_version, ordinal, posting_id, lot_id, points)
      select account_id, was_wallet_version + 1 + (lot_pending and spendable > 0)::int, 0,
        case when lot_pending then pending_posting_id else posting_id end, lot_id, lot_points
      from w where ok and lot_id is not null${general(`
      union all
      select account_id, version, ordinal, posting_id, id, points from m`)}
    ), new_purchase as (
      insert into purchase (id, brand, wallet_account, wallet_id, member_ref, store, external_id, occurred_at, posted_at, currency,
        campaign, document, points_earned, posting_id)
      select id, brand, account_id, wallet_id, member_ref, store, external_id, occurred_at, at, currency, campaign, document::json,
        spendable${general(' + pending')}, case when spendable > 0 then posting_id${general(' when pending > 0 then pending_posting_id')} end
      from w where ok and document is not null
    ), answer as materialized (
      select n, case when ok then 'created' else 'declined' end as verdict, false as replayed,
        case when not ok then 'wallet_limit_exceeded' end as decline,
        case when not ok then greatest(0, 9007199254740991 - was_posted - was_pending) end as decline_limit, null::text as result,
        was_posted - was_held + case when ok then spendable - stillborn else 0 end as balance, was_held as held,
        was_pending${general(' + case when ok then pending else 0 end')} as pending, was_debt${general(' - case when ok then repaid else 0 end')} as debt,
        ${plain ? 'null::text' : `case when ok and repaid > 0 then json_build_object('repaid', repaid)::text end`} as detail, id as subject_id,
        case when ok and spendable > 0 then posting_id${general(' when ok and pending > 0 then pending_posting_id')} end as posting_id, at as posted_at,
        brand, kind, key, external_id, hash, transport_key, wallet_id, result as template
      from w where not known
    ), new_operation as (
      insert into operation (brand, kind, key, external_id, request_hash, transport_key, wallet_id, subject_id, posting_id,
        decline, decline_limit, result, balance, held, pending, debt, detail, posted_at)
      select brand, kind, key, external_id, hash, transport_key, wallet_id, subject_id, posting_id, decline, decline_limit, template::json,
        balance, held, pending, debt, detail::json, posted_at
      from answer
    )
    select array_agg(row(n, verdict, replayed, decline, decline_limit, result, balance, held, pending, debt, detail, subject_id,
      posting_id, posted_at)::ledger_outcome), (select bool_or(stillborn > 0) from w where ok)${general(`, bool_or(detail is not null)`)}
    into v_out, v_stillborn${general(', v_debts')} from answer;
  `;
};

const accrue = `
  -- the first lot travels in the item, as most items have no other
  ${itemType(
    'ledger_accrual_item',
    `kind operation_kind, member_ref text, store text, issuer text, spendable bigint, pending bigint, stillborn bigint,
     other_spendable bigint, other_pending bigint, own_live bigint,
     next_expiry timestamptz, pending_posting_id uuid, currency text, campaign text, document text,
     lot_id uuid, lot_points bigint, lot_pending boolean, lot_available_from timestamptz, lot_expires_at timestamptz,
     lot_campaign text, lot_reason text, lot_rule_id text, lot_terms_id bigint`,
  )}
  create type ledger_lot_item as (n integer, ordinal smallint, id uuid, points bigint, pending boolean,
    available_from timestamptz, expires_at timestamptz, campaign text, reason text, rule_id text, issuer text, terms_id bigint);

  create function ledger_accrue_v1(p_slot smallint, p_now timestamptz, p_wallets uuid[], p_items ledger_accrual_item[],
    p_more_lots ledger_lot_item[], p_plain boolean)
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_out ledger_outcome[]; v_debts boolean; v_stillborn boolean; r record;
  begin
    v_wallets := ledger_lock_wallets(p_slot, p_now, p_wallets);
    if p_plain and not exists (select from unnest(v_wallets) where was_debt > 0) then
      ${statement(true)}
    else
      ${statement(false)}
    end if;
    if cardinality(v_out) is distinct from cardinality(p_items) then
      v_out := v_out || (select array_agg(row(x.*)::ledger_outcome) from (
        with w as (select * from (${itemsSql('r.kind')}) i where n <> all (coalesce((select array_agg(n) from unnest(v_out)), '{}')))
        ${replaysSql('w.kind')}) x);
    end if;
    if v_debts then
      for r in select o.subject_id, o.posted_at, a.id as account_id, s.issuer
        from unnest(v_out) o join unnest(p_items) i using (n)
        join account a on a.wallet_id = i.wallet_id
        cross join lateral (select i.issuer union select l.issuer from unnest(p_more_lots) l
          where l.n = i.n and l.issuer is not null) s
        where not o.replayed and o.verdict = 'created' and o.detail is not null
      loop
        perform ledger_repay(p_slot, r.account_id, r.issuer, r.subject_id, r.posted_at);
      end loop;
    end if;
    if v_stillborn then perform ledger_sweep_due(p_slot, p_now, p_wallets); end if;
    return query select * from unnest(v_out);
  end $fn$;

  -- What an accrual's spendable points repay at once: those of each issuer against what is owed to it.
  create function ledger_repayable(p_account bigint, p_issuer text, p_own bigint, p_n integer, p_now timestamptz,
    p_more_lots ledger_lot_item[]) returns bigint language sql stable as $fn$
    select coalesce(sum(least(g.points, (select coalesce(sum(d.remaining), 0) from lot d
      where d.wallet_account = p_account and d.open and d.debt and d.issuer = g.issuer))), 0)::bigint
    from (select p_issuer as issuer, p_own as points
      union all
      select l.issuer, sum(l.points) from unnest(p_more_lots) l
      where l.n = p_n and l.issuer <> p_issuer and not l.pending and (l.expires_at is null or l.expires_at > p_now) group by l.issuer) g
  $fn$;

  -- Sweeps again at the end of a batch: an operation may have handed out points that are past their expiry.
  create function ledger_sweep_due(p_slot smallint, p_now timestamptz, p_wallets uuid[]) returns void language plpgsql volatile as $fn$
  declare v_due bigint[];
  begin
    select array_agg(b.account_id) into v_due from unnest(p_wallets) u(wallet_id)
      cross join lateral (select id from account where wallet_id = u.wallet_id offset 0) a
      cross join lateral (select account_id, next_expiry from account_balance where account_id = a.id and slot = 0 offset 0) b
      where b.next_expiry <= p_now;
    if v_due is not null then perform ledger_sweep_wallets(p_slot, v_due, p_now); end if;
  end $fn$;
  grant execute on function ledger_accrue_v1(smallint, timestamptz, uuid[], ledger_accrual_item[], ledger_lot_item[], boolean) to hezong_ledger;
`;

export const accrual = defineMigration({ id: '0003', name: 'accrual', up: accrue });
