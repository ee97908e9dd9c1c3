import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { canonicalJson, namedHash } from '#libs/kernel';
import { bigint, defineRows, numeric, orNull, text } from '#libs/postgres';
import type { LineType } from '../entries/line.js';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { EarningLines } from './earnings.js';
import type { IssuedPoints, PricedPoints } from './spending.js';

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

const PRICED = defineRows({
  kind: text<PricedPoints['kind']>(),
  issuer: text<Party>(),
  redeemer: text<Party>(),
  payer: text<Party>(),
  payee: text<Party>(),
  asset: text(),
  priceMicro: bigint(),
  points: numeric(),
});

const EARNINGS = defineRows({
  type: text<LineType>(),
  payer: text<Party>(),
  payee: text<Party>(),
  issuer: text<Party>(),
  redeemer: orNull(text<Party>()),
  currency: text(),
  lines: numeric(),
  amountMicro: numeric('amount'),
});

/** An event that the operator set aside, as far as this service's own record says so. */
export interface SetAside extends PostingKey {
  readonly record: string;
  readonly topic: string;
  readonly by: string;
  readonly reason: string;
}

interface AsideRow {
  id: bigint;
  topic: string;
  key: string;
  event_id: string;
  by: string;
  reason: string;
  /** Payload hashes of the recorded calls. */
  decided: string[];
}

const OF_POINTS = `l.fixed_micro = 0 and l.type in ('redemption', 'redemption_reversal', 'fee', 'fee_reversal')`;
/** Parameters 1 to 5: cycles, the time that is asked about, and of it the time in which traffic goes on. */
const ASKED =
  'l.cycle = any($1) and l.posted_at >= $2 and l.posted_at < $3 and (l.posted_at < $4 or l.posted_at >= $5)';

/** Sums over lines, and what bears on their comparison. */
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

  spending(tx: EntityManager, asked: LinesAsked): Promise<PricedPoints[]> {
    return PRICED.query(
      tx,
      `select case when l.type like 'fee%' then 'fee' else 'reimbursement' end as kind, l.issuer, coalesce(l.redeemer, '') as redeemer,
          l.payer, l.payee, l.asset, l.price_micro, sum(l.points)::text as points
         from line l where ${ASKED} and ${OF_POINTS}
        group by 1, 2, 3, 4, 5, 6, 7`,
      parametersOf(asked),
    );
  }

  /** Lines of points given, taken back and expired. */
  async issued(tx: EntityManager, asked: LinesAsked): Promise<IssuedPoints[]> {
    const rows: (IssuedPoints & { issuer: Party })[] = await tx.query(
      `select l.issuer, l.type = 'expiry' as expired, l.asset, l.currency, sum(l.points)::text as points
         from line l where ${ASKED} and l.type in ('accrual', 'accrual_reversal', 'expiry') group by 1, 2, 3, 4`,
      parametersOf(asked),
    );
    return rows.map((row) => ({ ...row, issuer: partyName(row.issuer) }));
  }

  /** All other lines that come to money. */
  earnings(tx: EntityManager, asked: LinesAsked): Promise<EarningLines[]> {
    return EARNINGS.query(
      tx,
      `select l.type, l.payer, l.payee, l.issuer, l.redeemer, l.currency, count(*)::text as lines, sum(l.amount_micro)::text as amount
         from line l where ${ASKED} and not (${OF_POINTS}) and l.amount_micro <> 0
        group by 1, 2, 3, 4, 5, 6`,
      parametersOf(asked),
    );
  }

  async waits(tx: EntityManager, consumers: readonly string[]): Promise<boolean> {
    const rows: { waits: boolean }[] = await tx.query(
      `select exists (select from parked_record where consumer_group = any($1) and kind <> 'set_aside') as waits`,
      [consumers],
    );
    return rows[0]?.waits === true;
  }

  /**
   * Events that the operator set aside. A row is none unless the audit has a call that set aside this event for this reason, and that was not
   * refused.
   */
  async setAside(tx: EntityManager, consumers: readonly string[]): Promise<SetAside[]> {
    const rows: AsideRow[] = await tx.query(
      `select r.id, topic, key, event_id, set_aside_by as by, set_aside_reason as reason, array(
           select c.payload_hash from operator_audit c where c.client = r.set_aside_by and c.path = '/v1/operator/parked/settlement/' || r.id || '/set-aside'
              and not exists (select from operator_audit e where e.answers = c.seq and e.status <> 200)) as decided
         from parked_record r where consumer_group = any($1) and kind = 'set_aside' order by r.id`,
      [consumers],
    );
    return rows
      .filter(({ event_id: eventId, reason, decided }) =>
        decided.includes(namedHash(canonicalJson({ query: {}, body: { eventId, reason } }))),
      )
      .map(({ id, topic, key, event_id, by, reason }) => ({
        record: id.toString(),
        topic,
        walletId: key,
        postingId: event_id,
        by,
        reason,
      }));
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
