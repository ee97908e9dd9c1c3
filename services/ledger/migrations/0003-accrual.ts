import { defineMigration } from '#libs/postgres';
import {
  BIND_REPEATS,
  brandAccount,
  fileRestSql,
  FUNCTION_SETTINGS,
  ITEMS,
  itemType,
  keepSql,
  REPLAYS,
} from './sql.js';

/**
 * Orders and grants. After the wallets are locked, one statement processes a whole batch: each wallet appears at most once, so every
 * number of an item follows from its own row and one running sum for the brand's account. Further lots may name another issuer: such
 * points get their own leg in the same posting, and the item states how many they are.
 */
const statement = (plain: boolean): string => {
  const general = (part: string): string => (plain ? '' : part);
  const stale = plain ? 'false' : 'coalesce(expected_version <> was_wallet_version, false)';
  const total = `spendable${general(' + i.pending')}`;
  const kept = `balance is not null and verdict not in ('stale', 'over_day')`;
  return `
    with w as materialized (
      select i.*, not known and not over_day and was_posted + was_pending + ${total} <= 9007199254740991${general(` and not ${stale}`)} as ok,
        ${brandAccount('i.issuer', 'issued')} as issued
      from (select i.*,
          -- The wallet holds the sum over all brands. The points of this brand are counted only where that sum does not decide.
          case when day_limit is null or ${total} = 0 then false
            when case when was_given_from >= day_from then was_given else 0 end + ${total} <= day_limit then false
            else ledger_gives_over(i.cell, i.wallet_id, i.brand, greatest(day_from, was_given_from), day_limit - (${total})) end as over_day
        from (${ITEMS}) i) i
    )${general(`, m as materialized (
      select l.id, l.n, l.ordinal, l.terms_id, l.points, l.pending, l.available_from, l.expires_at, l.places, l.campaign, l.reason, l.rule_id, w.cell, w.wallet_id,
        coalesce(l.issuer, w.issuer) as issuer, l.issuer is not null and l.issuer <> w.issuer as other, w.at, w.origin_id, w.external_id, w.member_ref,
        case when l.pending then w.pending_posting_id else w.posting_id end as posting_id,
        was_wallet_version + 1 + (l.pending and w.spendable > 0)::int as version
      from unnest(p_more_lots) l join w using (n) where w.ok
    ), o as materialized (
      select posting_id, array_agg(account) as accounts, array_agg(-points) as amounts from (
        select posting_id, ${brandAccount('m.issuer', 'issued')} as account, sum(points)::bigint as points
        from m where other group by posting_id, issuer order by issuer) x group by posting_id
    )`)}, new_posting as (
      insert into posting (cell, epoch, kind, wallet_version, xid, wallet_id, id, points, spendable, pending, brand_account, brand_points,
        ${general('other_accounts, other_points, ')}balance_after, held_after, pending_after, debt_after, occurred_at, posted_at, brand, store,
        member_ref, reference, campaign, order_id, lot_id)
      select cell, epoch, 'accrual'::posting_kind, was_wallet_version + 1, xid, wallet_id, posting_id, spendable, spendable, 0,
        ${plain ? 'issued, -spendable' : 'case when spendable > other_spendable then issued end, nullif(other_spendable - spendable, 0), o.accounts, o.amounts'},
        was_posted + spendable, was_held, was_pending, was_debt, occurred_at, at, brand, store, member_ref, external_id, campaign, origin_id,
        ${plain ? 'lot_id' : 'case when not lot_pending then lot_id end'}
      from w${general(' left join o using (posting_id)')} where ok and spendable > 0${general(`
      union all
      select cell, epoch, 'accrual_pending', was_wallet_version + 1 + (spendable > 0)::int, xid, wallet_id, pending_posting_id, pending, 0,
        pending, case when pending > other_pending then issued end, nullif(other_pending - pending, 0), o.accounts, o.amounts,
        was_posted + spendable, was_held, was_pending + pending, was_debt, occurred_at, at, brand, store, member_ref, external_id, campaign,
        origin_id, case when lot_pending then lot_id end
      from w left join o on o.posting_id = w.pending_posting_id where ok and pending > 0`)}
    ), new_balance as (
      update wallet b set posted = b.posted + w.spendable, wallet_version = b.wallet_version + (w.spendable > 0)::int${general(` + (w.pending > 0)::int,
        pending = b.pending + w.pending, limited = b.limited or w.limited`)},
        next_due = least(b.next_due, w.next_due), posted_at = case when w.spendable${general(' + w.pending')} > 0 then w.at else b.posted_at end,
        epoch = w.epoch, xid = w.xid, given_from = greatest(b.given_from, w.day_from),
        given_after = case when w.day_from > coalesce(b.given_from, '-infinity') then b.wallet_version else b.given_after end,
        given = case when w.day_from > coalesce(b.given_from, '-infinity') then 0 else least(b.given, 9007199254740991) end + w.spendable${general(' + w.pending')}
      from w where w.ok and b.cell = w.cell and b.wallet_id = w.wallet_id
    ), new_lot as (
      insert into lot (cell, wallet_id, id, issuer, terms_id, points, remaining, pending, available_from, expires_at, earned_at, campaign, reason,
        rule_id, origin_id, reference, member_ref, posting_id${general(', places')})
      select cell, wallet_id, lot_id, issuer, lot_terms_id, lot_points, lot_points, lot_pending, lot_available_from, lot_expires_at, at, lot_campaign,
        lot_reason, lot_rule_id, origin_id, external_id, member_ref, case when lot_pending then pending_posting_id else posting_id end${general(', lot_places')}
      from w where ok and lot_id is not null${general(`
      union all
      select cell, wallet_id, id, issuer, terms_id, points, points, pending, available_from, expires_at, at, campaign, reason, rule_id, origin_id,
        external_id, member_ref, posting_id, places
      from m`)}
    )${general(`, new_allocation as (
      insert into allocation (cell, wallet_id, wallet_version, ordinal, posting_id, lot_id, points)
      select cell, wallet_id, version, ordinal, posting_id, id, points from m
    )`)}, answer as materialized (
      select n, case when ok then 'created' when ${stale} then 'stale' when over_day then 'over_day' else 'declined' end as verdict, false as replayed,
        case when not ok and not over_day and not ${stale} then 'wallet_limit_exceeded' end as decline,
        case when not ok and not over_day and not ${stale} then greatest(0, 9007199254740991 - was_posted - was_pending) end as decline_limit, null::text as nothing,
        -- Unknown until new points have met debts and their own expiry; in that case the operation is filed afterwards.
        case when not ok or not was_owing and (next_due > at) is not false then was_posted - was_held + case when ok then spendable else 0 end end as balance,
        was_held as held, was_pending${general(' + case when ok then pending else 0 end')} as pending, was_debt as debt, null::text as detail, id as subject_id,
        case when ok and spendable > 0 then posting_id${general(' when ok and pending > 0 then pending_posting_id')} end as posting_id, at as posted_at,
        spendable${general(' + pending')} as earned, ok and currency is not null as taken_in,
        cell, epoch, xid, brand, kind, key, external_id, hash, transport_key, wallet_id, result as template, member_ref, store, occurred_at,
        currency, campaign
      from w where not known
    ), new_purchase as (
      insert into purchase (cell, epoch, xid, seq, id, wallet_id, posting_id, occurred_at, posted_at, points_earned, balance, held, pending,
        debt, request_hash, brand, member_ref, store, external_id, currency, campaign, document)
      select cell, case when earned = 0 then epoch end, case when earned = 0 then xid end, case when earned = 0 then nextval('event_seq') end,
        subject_id, wallet_id, posting_id, occurred_at, posted_at, earned, coalesce(balance, 0), held, pending, debt, hash, brand, member_ref,
        store, external_id, currency, campaign, template::json
      from answer where taken_in
    ), ${keepSql('kind', kept, `${kept} and not taken_in`)}
    select array_agg(row(n, verdict, replayed, decline, decline_limit, nothing, balance, held, pending, debt, detail, subject_id,
      posting_id, posted_at)::ledger_outcome), bool_or(balance is null)
    into v_out, v_unfiled from answer;
  `;
};

const accrue = `
  -- the first lot is part of the item, because most items have no other
  ${itemType(
    'ledger_accrual_item',
    `kind operation_kind, member_ref text, store text, issuer text, spendable bigint, pending bigint,
     other_spendable bigint, other_pending bigint, next_due timestamptz, pending_posting_id uuid, currency text, campaign text,
     origin_id uuid, lot_id uuid, lot_points bigint, lot_pending boolean, lot_available_from timestamptz, lot_expires_at timestamptz,
     lot_campaign text, lot_reason text, lot_rule_id text, lot_terms_id bigint, lot_places text[], limited boolean, expected_version bigint, day_from timestamptz, day_limit bigint`,
  )}
  create type ledger_lot_item as (n integer, ordinal smallint, id uuid, points bigint, pending boolean,
    available_from timestamptz, expires_at timestamptz, campaign text, reason text, rule_id text, issuer text,
    terms_id bigint, places text[]);

  -- Whether orders and grants of a brand gave a wallet more than this many points since the beginning of a day. It reads the thousand
  -- newest postings; for a wallet with more on one day the answer is true.
  create function ledger_gives_over(p_cell smallint, p_wallet uuid, p_brand text, p_from timestamptz, p_points bigint) returns boolean
  language plpgsql stable as $fn$
  declare p record; v_left bigint := p_points; v_seen integer := 0;
  begin
    for p in select kind, brand, points, posted_at from posting where cell = p_cell and wallet_id = p_wallet
      order by wallet_version desc limit 1001
    loop
      exit when p.posted_at < p_from or v_left < 0;
      if p.brand = p_brand and p.kind in ('accrual', 'accrual_pending') then v_left := v_left - p.points; end if;
      v_seen := v_seen + 1;
    end loop;
    return v_left < 0 or v_seen > 1000;
  end $fn$;

  create function ledger_accrue_v1(p_now timestamptz, p_wallets uuid[], p_items ledger_accrual_item[],
    p_more_lots ledger_lot_item[], p_plain boolean)
  returns setof ledger_outcome language plpgsql volatile ${FUNCTION_SETTINGS} as $fn$
  #variable_conflict use_column
  declare v_wallets ledger_wallet[]; v_out ledger_outcome[]; v_unfiled boolean;
  begin
    v_wallets := ledger_lock_wallets(p_now, p_wallets);
    if p_plain and not exists (select from unnest(v_wallets) where was_owing) then
      ${statement(true)}
    else
      ${statement(false)}
    end if;
    if v_unfiled then v_out := ${fileRestSql('i.kind')}; end if;
    if cardinality(v_out) is distinct from cardinality(p_items) then
      v_out := v_out || (select array_agg(row(x.*)::ledger_outcome) from (
        with w as (select * from (${ITEMS}) i where n <> all (coalesce((select array_agg(n) from unnest(v_out)), '{}')))
        ${REPLAYS}) x);
      ${BIND_REPEATS}
    end if;
    return query select * from unnest(v_out);
  end $fn$;

  grant execute on function ledger_accrue_v1(timestamptz, uuid[], ledger_accrual_item[], ledger_lot_item[], boolean) to hezong_ledger;
`;

export const accrual = defineMigration({ id: '0003', name: 'accrual', up: accrue });
