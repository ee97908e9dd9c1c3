import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Cycle } from '../cycles/cycle.js';
import type { LineType } from '../entries/line.js';
import type { Party } from '../parties/party.js';
import type { EarningLines } from './earnings.js';
import type { PricedPoints } from './spending.js';

/** A posting of a wallet: a posting of the ledger, or an entry or conversion of referrals. */
export interface PostingKey {
  readonly walletId: string;
  readonly postingId: string;
}

/** A span of posting times. */
export interface Period {
  readonly from: Date;
  /** End of the period, exclusive. */
  readonly to: Date;
}

/** The service that recorded the postings of lines. */
export type SourceName = 'ledger' | 'referrals';

interface PricedRow {
  fee: boolean;
  issuer: Party;
  redeemer: Party | null;
  payer: Party | null;
  payee: Party;
  asset: string;
  price_micro: bigint | null;
  points: string;
}

interface EarningRow {
  type: LineType;
  payer: Party;
  payee: Party;
  issuer: Party;
  redeemer: Party | null;
  currency: string;
  lines: string;
  amount: string;
}

const OF_POINTS = `l.fixed_micro = 0 and l.type in ('redemption', 'redemption_reversal', 'fee', 'fee_reversal')`;
const LINES_OF: Readonly<Record<SourceName, string>> = { ledger: OF_POINTS, referrals: 'l.fixed_micro <> 0' };
const SHARED = `l.funders like '%,%'`;
const SETTLED = '(l.posted_at < $2 or l.posted_at >= $3)';

/** Sums over the lines of a cycle, and lines filed in another cycle than that of their posting time. */
@Injectable()
export class SourcesRepository {
  /** Whether a cycle has at most `most` lines. */
  async few(tx: EntityManager, cycle: string, most: number): Promise<boolean> {
    const rows: { few: boolean }[] = await tx.query(
      `select count(*) <= $2 as few from (select from line where cycle = $1 limit $2 + 1) l`,
      [cycle, most],
    );
    return rows[0]?.few === true;
  }

  /** Lines of points spent and given back, except of a period with ongoing traffic. */
  async spending(tx: EntityManager, cycle: string, moving: Period): Promise<PricedPoints[]> {
    const rows: PricedRow[] = await tx.query(
      `select l.type like 'fee%' as fee, l.issuer, l.redeemer, case when ${SHARED} then null else l.payer end as payer, l.payee, l.asset,
          case when ${SHARED} then null else l.price_micro end as price_micro, sum(l.points)::text as points
         from line l where l.cycle = $1 and ${OF_POINTS} and not (${SHARED} and l.type like 'fee%') and ${SETTLED}
        group by 1, 2, 3, 4, 5, 6, 7`,
      [cycle, moving.from, moving.to],
    );
    return rows.map(({ fee, price_micro, points, redeemer, ...row }) => ({
      ...row,
      kind: fee ? 'fee' : 'reimbursement',
      redeemer: redeemer ?? '',
      priceMicro: price_micro,
      points: BigInt(points),
    }));
  }

  /** All other lines with money, except of a period with ongoing traffic. */
  async earnings(tx: EntityManager, cycle: string, moving: Period): Promise<EarningLines[]> {
    const rows: EarningRow[] = await tx.query(
      `select l.type, l.payer, l.payee, l.issuer, l.redeemer, l.currency, count(*)::text as lines, sum(l.amount_micro)::text as amount
         from line l where l.cycle = $1 and not (${OF_POINTS}) and l.amount_micro <> 0 and ${SETTLED}
        group by 1, 2, 3, 4, 5, 6`,
      [cycle, moving.from, moving.to],
    );
    return rows.map(({ lines, amount, ...row }) => ({ ...row, lines: BigInt(lines), amountMicro: BigInt(amount) }));
  }

  /** Postings of other periods whose lines this cycle took: prior-period adjustments. */
  outside(tx: EntityManager, source: SourceName, cycle: string, { from, to }: Period): Promise<PostingKey[]> {
    return tx.query(
      `select distinct l.wallet_id as "walletId", l.posting_id as "postingId" from line l
        where l.cycle = $1 and ${LINES_OF[source]} and (l.posted_at < $2 or l.posted_at >= $3)`,
      [cycle, from, to],
    );
  }

  /** Postings of a period whose lines another cycle of the currency took, up to a time. A line is recorded on its own day or later. */
  elsewhere(
    tx: EntityManager,
    source: SourceName,
    { id, currency }: Pick<Cycle, 'id' | 'currency'>,
    { from, to }: Period,
    firstDay: string,
  ): Promise<PostingKey[]> {
    return tx.query(
      `select distinct l.wallet_id as "walletId", l.posting_id as "postingId" from line l
        where l.cycle <> $1 and l.currency = $2 and ${LINES_OF[source]} and l.posted_at >= $3 and l.posted_at < $4 and l.day >= $5::date`,
      [id, currency, from, to, firstDay],
    );
  }
}
