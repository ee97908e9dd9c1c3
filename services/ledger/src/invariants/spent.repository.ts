import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Points of one issuer spent at one redeemer, less give-backs, by the terms stamped on lots and captures. */
export interface Spent {
  readonly issuer: string;
  /** `party:basis points`, comma-separated. */
  readonly funders: string;
  readonly redeemer: string;
  readonly asset: string;
  /** Currency of the reimbursement. */
  readonly currency: string;
  /** Millionths of a minor unit per point; the price of the quote if there was one. */
  readonly reimbursementMicro: string;
  readonly feeCurrency: string;
  readonly operatorFeeMicro: string;
  readonly feeOnOwn: boolean;
  /** All movements together; negative if more came back. */
  readonly points: string;
  /** Null if one funder pays. Otherwise equal movements, because the points of each are split by themselves. */
  readonly each: {
    /** Points of one movement; negative if they came back. */
    readonly points: string;
    readonly movements: string;
    /** What the capture took from the lot, if this gives back some of it, and what had come back of that before. */
    readonly captured: string | null;
    readonly returned: string | null;
  } | null;
}

/** Points of one issuer given less taken back, or expired. */
export interface Issued {
  readonly issuer: string;
  readonly expired: boolean;
  readonly asset: string;
  /** Of the issuer's contract. */
  readonly currency: string;
  readonly points: string;
}

export interface Which {
  readonly from: string | null;
  readonly to: string | null;
  /** Null: all. */
  readonly postings: readonly { readonly walletId: string; readonly postingId: string }[] | null;
}

const COLUMNS =
  'p.cell, p.wallet_id, p.wallet_version, p.id, p.kind, p.brand, p.asset, p.terms_id, p.quoted_reimbursement_micro, p.lot_id, p.hold_id';
const DURING = `($1::timestamptz is null or p.posted_at >= $1) and ($2::timestamptz is null or p.posted_at < $2)`;
const SPENDING = `'capture', 'redemption_return'`;
const ISSUING = `'accrual', 'accrual_pending', 'accrual_reversal', 'expiry'`;

const all = (kinds: string): string => `select ${COLUMNS} from posting p where p.kind in (${kinds}) and ${DURING}`;
const named = (kinds: string): string => `
  select ${COLUMNS} from (select wallet_id, array_agg(distinct id) as ids from unnest($3::uuid[], $4::uuid[]) u(wallet_id, id) group by 1) n
    join posting p on p.cell = ledger_cell(n.wallet_id) and p.wallet_id = n.wallet_id and p.id = any(n.ids)
   where p.kind in (${kinds}) and ${DURING}`;

/**
 * A give-back has the redeemer and the price of the capture that it reverses, regardless of when that was. The captures of each hold
 * are read once: looked for one by one, each give-back would read its wallet's whole life, or all captures of its hold. For the same
 * reason the join is a full one: it is never nested, however old the planner's statistics are.
 */
const spent = (postings: string): string => `
  with p as materialized (${postings}), original as materialized (
    select o.cell, o.wallet_id, o.wallet_version, o.id, o.brand, o.terms_id, o.quoted_reimbursement_micro
      from (select distinct cell, wallet_id, hold_id from p where kind = 'redemption_return') r
      join hold h on h.cell = r.cell and h.id = r.hold_id
      cross join lateral unnest(h.captures) c(version)
      join posting o on o.cell = r.cell and o.wallet_id = r.wallet_id and o.wallet_version = c.version
  ), gave as materialized (
    select p.cell, p.wallet_id, p.wallet_version, p.asset, a.lot_id, a.points, a.original_posting_id
      from p join allocation a on a.cell = p.cell and a.wallet_id = p.wallet_id and a.wallet_version = p.wallet_version
     where p.kind = 'redemption_return'
  ), back as materialized (
    select g.*, o.wallet_version as original_version, o.brand, o.terms_id, o.quoted_reimbursement_micro
      from gave g full join original o on o.cell = g.cell and o.wallet_id = g.wallet_id and o.id = g.original_posting_id
  ), moved as (
    select p.brand, p.asset, p.terms_id, p.quoted_reimbursement_micro as quoted, l.issuer, l.terms_id as lot_terms, -a.points as points,
        case when i.funders like '%,%' then -a.points end as each, null::bigint as captured, null::bigint as returned
      from p join allocation a on a.cell = p.cell and a.wallet_id = p.wallet_id and a.wallet_version = p.wallet_version
      join lot l on l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = a.lot_id
      join contract_terms i on i.id = l.terms_id
     where p.kind = 'capture'
    union all
    select b.brand, b.asset, b.terms_id, b.quoted_reimbursement_micro, l.issuer, l.terms_id, -b.points,
        case when i.funders like '%,%' then -b.points end,
        case when i.funders like '%,%' then (select -sum(c.points) from allocation c where c.cell = b.cell and c.wallet_id = b.wallet_id
           and c.wallet_version = b.original_version and c.lot_id = b.lot_id)::bigint end,
        case when i.funders like '%,%' then (select coalesce(sum(e.points), 0) from allocation e where e.cell = b.cell and e.wallet_id = b.wallet_id
           and e.wallet_version > b.original_version and e.wallet_version < b.wallet_version and e.lot_id = b.lot_id
           and e.original_posting_id = b.original_posting_id)::bigint end
      from back b join lot l on l.cell = b.cell and l.wallet_id = b.wallet_id and l.id = b.lot_id
      join contract_terms i on i.id = l.terms_id
  ), summed as (
    select brand, asset, terms_id, quoted, issuer, lot_terms, each, captured, returned, sum(points) as points, count(*) as movements
      from moved group by 1, 2, 3, 4, 5, 6, 7, 8, 9
  )
  select s.issuer, i.funders, s.brand as redeemer, s.asset, r.currency, coalesce(s.quoted, r.reimbursement_micro)::text as "reimbursementMicro",
      i.currency as "feeCurrency", i.operator_fee_micro::text as "operatorFeeMicro", i.fee_on_own as "feeOnOwn", s.points::text as points,
      case when each is not null then json_build_object('points', each::text, 'movements', movements::text, 'captured', captured::text,
        'returned', returned::text) end as each
    from summed s join contract_terms i on i.id = s.lot_terms join contract_terms r on r.id = s.terms_id
   where s.points <> 0`;

/** A lot that a posting makes has no allocation. */
const issued = (postings: string): string => `
  with p as materialized (${postings}), moved as (
    select p.kind, p.asset, l.issuer, l.terms_id, l.points
      from p join lot l on l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = p.lot_id
    union all
    select p.kind, p.asset, l.issuer, l.terms_id, a.points
      from p join allocation a on a.cell = p.cell and a.wallet_id = p.wallet_id and a.wallet_version = p.wallet_version
      join lot l on l.cell = p.cell and l.wallet_id = p.wallet_id and l.id = a.lot_id
  ), summed as (
    select issuer, terms_id, kind = 'expiry' as expired, asset, sum(points) as points from moved group by 1, 2, 3, 4
  )
  select s.issuer, s.expired, s.asset, i.currency, sum(case when s.expired then -s.points else s.points end)::text as points
    from summed s join contract_terms i on i.id = s.terms_id group by 1, 2, 3, 4`;

@Injectable()
export class SpentRepository {
  /** Points spent and given back by these postings, as stamped. */
  spent(tx: EntityManager, which: Which): Promise<Spent[]> {
    return tx.query(spent(postingsOf(which, SPENDING)), parametersOf(which));
  }

  /** Points given, taken back and expired by these postings. */
  issued(tx: EntityManager, which: Which): Promise<Issued[]> {
    return tx.query(issued(postingsOf(which, ISSUING)), parametersOf(which));
  }
}

function postingsOf({ postings }: Which, kinds: string): string {
  return postings === null ? all(kinds) : named(kinds);
}

function parametersOf({ from, to, postings }: Which): unknown[] {
  if (postings === null) return [from, to];
  return [from, to, postings.map(({ walletId }) => walletId), postings.map(({ postingId }) => postingId)];
}
