import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Cycle } from '../cycles/cycle.js';
import type { LineType } from '../entries/line.js';
import type { Party } from '../parties/party.js';
import type { EarningLines } from './earnings.js';
import type { PricedPoints } from './spending.js';

/** A posting of a wallet: the ledger's, or an entry or a conversion of referrals. */
export interface PostingKey {
  readonly walletId: string;
  readonly postingId: string;
}

/** Posting times. */
export interface Period {
  readonly from: Date;
  /** First instant that no longer belongs to it. */
  readonly to: Date;
}

/** Lines of cycles, of a posting time if one is given, but not of the time in which traffic goes on. */
export interface LinesAsked {
  readonly cycles: readonly string[];
  readonly during?: Period;
  readonly moving: Period;
}

/** Who recorded what lines are about. */
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
/** Parameters 1 to 5: cycles, the time that is asked about, and of it the time in which traffic goes on. */
const ASKED =
  'l.cycle = any($1) and l.posted_at >= $2 and l.posted_at < $3 and (l.posted_at < $4 or l.posted_at >= $5)';

/** Sums over the lines of a cycle, and what lies in another cycle than its posting time says. */
@Injectable()
export class SourcesRepository {
  /** Whether a cycle has no more lines than that. */
  async few(tx: EntityManager, cycle: string, most: number): Promise<boolean> {
    const rows: { few: boolean }[] = await tx.query(
      `select count(*) <= $2 as few from (select from line where cycle = $1 limit $2 + 1) l`,
      [cycle, most],
    );
    return rows[0]?.few === true;
  }

  /** Lines of points spent and given back. */
  async spending(tx: EntityManager, asked: LinesAsked): Promise<PricedPoints[]> {
    const rows: PricedRow[] = await tx.query(
      `select l.type like 'fee%' as fee, l.issuer, l.redeemer, case when ${SHARED} then null else l.payer end as payer, l.payee, l.asset,
          case when ${SHARED} then null else l.price_micro end as price_micro, sum(l.points)::text as points
         from line l where ${ASKED} and ${OF_POINTS} and not (${SHARED} and l.type like 'fee%')
        group by 1, 2, 3, 4, 5, 6, 7`,
      parametersOf(asked),
    );
    return rows.map(({ fee, price_micro, points, redeemer, ...row }) => ({
      ...row,
      kind: fee ? 'fee' : 'reimbursement',
      redeemer: redeemer ?? '',
      priceMicro: price_micro,
      points: BigInt(points),
    }));
  }

  /** All other lines that come to money. */
  async earnings(tx: EntityManager, asked: LinesAsked): Promise<EarningLines[]> {
    const rows: EarningRow[] = await tx.query(
      `select l.type, l.payer, l.payee, l.issuer, l.redeemer, l.currency, count(*)::text as lines, sum(l.amount_micro)::text as amount
         from line l where ${ASKED} and not (${OF_POINTS}) and l.amount_micro <> 0
        group by 1, 2, 3, 4, 5, 6`,
      parametersOf(asked),
    );
    return rows.map(({ lines, amount, ...row }) => ({ ...row, lines: BigInt(lines), amountMicro: BigInt(amount) }));
  }

  /** Whether an event of these consumers waits for the operator. */
  async waits(tx: EntityManager, consumers: readonly string[]): Promise<boolean> {
    const rows: { waits: boolean }[] = await tx.query(
      `select exists (select from parked_record where consumer_group = any($1) and kind <> 'set_aside') as waits`,
      [consumers],
    );
    return rows[0]?.waits === true;
  }

  /** Postings whose events the operator set aside. */
  setAside(tx: EntityManager, consumers: readonly string[]): Promise<PostingKey[]> {
    return tx.query(
      `select key as "walletId", event_id as "postingId" from parked_record where consumer_group = any($1) and kind = 'set_aside'`,
      [consumers],
    );
  }

  /** Postings of other times whose lines a cycle took: adjustments of prior periods. */
  outside(tx: EntityManager, source: SourceName, cycle: string, { from, to }: Period): Promise<PostingKey[]> {
    return tx.query(
      `select distinct l.wallet_id as "walletId", l.posting_id as "postingId" from line l
        where l.cycle = $1 and ${LINES_OF[source]} and (l.posted_at < $2 or l.posted_at >= $3)`,
      [cycle, from, to],
    );
  }

  /**
   * Postings of a period whose lines another cycle of the currency took: an earlier one, or a later one. A line is recorded on its own day or
   * later. Lines of what is no cycle are of none.
   */
  elsewhere(
    tx: EntityManager,
    source: SourceName,
    { id, currency, from: begins }: Pick<Cycle, 'id' | 'currency' | 'from'>,
    where: 'earlier' | 'later',
    { from, to }: Period,
    firstDay: string,
  ): Promise<PostingKey[]> {
    return tx.query(
      `select distinct l.wallet_id as "walletId", l.posting_id as "postingId" from line l join cycle c on c.id = l.cycle
        where c.id <> $1 and c.currency = $2 and c.from_at ${where === 'earlier' ? '<' : '>'} $6 and l.currency = $2
          and ${LINES_OF[source]} and l.posted_at >= $3 and l.posted_at < $4 and l.day >= $5::date`,
      [id, currency, from, to, firstDay, begins],
    );
  }
}

function parametersOf({ cycles, during, moving }: LinesAsked): unknown[] {
  return [cycles, during?.from ?? '-infinity', during?.to ?? 'infinity', moving.from, moving.to];
}
