import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
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
  /** Null: since ever. */
  readonly from: Date | null;
  /** First instant that no longer belongs to it. */
  readonly to: Date;
}

/** Lines of cycles, of a posting time, but not of the time in which traffic goes on. */
export interface LinesAsked {
  readonly cycles: readonly string[];
  readonly during: Period;
  readonly moving: Period;
}

/** Lines of a cycle that were posted in a month, in a currency, and not in the time of the cycle. */
export interface LinesOutside {
  /** One of them. */
  readonly id: string;
  readonly month: string;
  readonly currency: string;
  readonly lines: string;
  readonly firstPostedAt: Date;
}

interface PricedRow {
  fee: boolean;
  issuer: Party;
  redeemer: Party | null;
  payer: Party;
  payee: Party;
  asset: string;
  price_micro: bigint;
  funders: string | null;
  lines: string;
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
/** Parameters 1 to 5: cycles, the time that is asked about, and of it the time in which traffic goes on. */
const ASKED =
  'l.cycle = any($1) and l.posted_at >= $2 and l.posted_at < $3 and (l.posted_at < $4 or l.posted_at >= $5)';

/** Sums over lines, and what bears on their comparison. */
@Injectable()
export class SourcesRepository {
  /** Whether these cycles together have no more lines than that. */
  async few(tx: EntityManager, cycles: readonly string[], most: number): Promise<boolean> {
    const rows: { few: boolean }[] = await tx.query(
      `select count(*) <= $2 as few from (select from line where cycle = any($1) limit $2 + 1) l`,
      [cycles, most],
    );
    return rows[0]?.few === true;
  }

  /** Lines of points spent and given back. */
  async spending(tx: EntityManager, asked: LinesAsked): Promise<PricedPoints[]> {
    const rows: PricedRow[] = await tx.query(
      `select l.type like 'fee%' as fee, l.issuer, l.redeemer, l.payer, l.payee, l.asset, l.price_micro,
          case when l.funders like '%,%' then l.funders end as funders, count(*)::text as lines, sum(l.points)::text as points
         from line l where ${ASKED} and ${OF_POINTS}
        group by 1, 2, 3, 4, 5, 6, 7, 8`,
      parametersOf(asked),
    );
    return rows.map(({ fee, price_micro, lines, points, redeemer, ...row }) => ({
      ...row,
      kind: fee ? 'fee' : 'reimbursement',
      redeemer: redeemer ?? '',
      priceMicro: price_micro,
      lines: BigInt(lines),
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

  /** Postings whose events the operator set aside. A row without the recorded call is an edit, and leaves nothing out. */
  setAside(tx: EntityManager, consumers: readonly string[]): Promise<PostingKey[]> {
    return tx.query(
      `select key as "walletId", event_id as "postingId" from parked_record r where consumer_group = any($1) and kind = 'set_aside'
          and exists (select from operator_audit a where a.client = r.set_aside_by and a.path = '/v1/operator/parked/settlement/' || r.id || '/set-aside')`,
      [consumers],
    );
  }

  /** Lines of a cycle that were not posted in this time, or are of another currency. */
  outside(
    tx: EntityManager,
    cycle: string,
    currency: string,
    zone: string,
    { from, to }: Period,
  ): Promise<LinesOutside[]> {
    return tx.query(
      `select min(l.id::text) as id, to_char(l.posted_at at time zone $5, 'YYYY-MM') as month, l.currency, count(*)::text as lines,
          min(l.posted_at) as "firstPostedAt"
         from line l where l.cycle = $1 and (l.posted_at < $2 or l.posted_at >= $3 or l.currency <> $4) group by 2, 3 order by 2, 3`,
      [cycle, from, to, currency, zone],
    );
  }
}

function parametersOf({ cycles, during, moving }: LinesAsked): unknown[] {
  return [cycles, during.from ?? '-infinity', during.to, moving.from, moving.to];
}
