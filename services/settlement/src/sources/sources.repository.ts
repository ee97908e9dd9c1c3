import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Cycle } from '../cycles/cycle.js';
import type { Party } from '../parties/party.js';
import type { PricedPoints } from './spending.js';

/** A posting of a wallet, by the ledger's ids. */
export interface PostingKey {
  readonly walletId: string;
  readonly postingId: string;
}

/** Posting times of a cycle. */
export interface Period {
  readonly from: Date;
  /** First instant that no longer belongs to it. */
  readonly to: Date;
}

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

const OF_POINTS = `l.fixed_micro = 0 and l.type in ('redemption', 'redemption_reversal', 'fee', 'fee_reversal')`;
const SHARED = `l.funders like '%,%'`;

/** Sums over the lines of a cycle, and what lies in another cycle than its posting time says. */
@Injectable()
export class SourcesRepository {
  async spending(tx: EntityManager, cycle: string): Promise<PricedPoints[]> {
    const rows: PricedRow[] = await tx.query(
      `select l.type like 'fee%' as fee, l.issuer, l.redeemer, case when ${SHARED} then null else l.payer end as payer, l.payee, l.asset,
          case when ${SHARED} then null else l.price_micro end as price_micro, sum(l.points)::text as points
         from line l where l.cycle = $1 and ${OF_POINTS} and not (${SHARED} and l.type like 'fee%')
        group by 1, 2, 3, 4, 5, 6, 7`,
      [cycle],
    );
    return rows.map(({ fee, price_micro, points, redeemer, ...row }) => ({
      ...row,
      kind: fee ? 'fee' : 'reimbursement',
      redeemer: redeemer ?? '',
      priceMicro: price_micro,
      points: BigInt(points),
    }));
  }

  /** Postings of other times whose lines a cycle took: adjustments of prior periods. */
  outside(tx: EntityManager, cycle: string, { from, to }: Period): Promise<PostingKey[]> {
    return tx.query(
      `select distinct l.wallet_id as "walletId", l.posting_id as "postingId" from line l
        where l.cycle = $1 and ${OF_POINTS} and (l.posted_at < $2 or l.posted_at >= $3)`,
      [cycle, from, to],
    );
  }

  /** Postings of a period whose lines another cycle of the currency took, up to a time. A line is recorded on its own day or later. */
  elsewhere(
    tx: EntityManager,
    { id, currency }: Pick<Cycle, 'id' | 'currency'>,
    { from, to }: Period,
    firstDay: string,
  ): Promise<PostingKey[]> {
    return tx.query(
      `select distinct l.wallet_id as "walletId", l.posting_id as "postingId" from line l
        where l.cycle <> $1 and l.currency = $2 and ${OF_POINTS} and l.posted_at >= $3 and l.posted_at < $4 and l.day >= $5::date`,
      [id, currency, from, to, firstDay],
    );
  }
}
