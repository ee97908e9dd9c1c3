import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { Decision, OpenedLeg, Opening } from './opening.js';

interface Row {
  id: string;
  cycle: string;
  day: string;
  asker: Party;
  total_id: string;
  leg: number;
  line_id: string;
  counterparty: Party | null;
  counterparty_line_id: string | null;
  counterparty_opening_id: string;
  reason: string;
  asked_by: string;
  asked_at: Date;
  verdict: Decision['verdict'] | null;
  by_whom: string;
  decided_at: Date;
  decision: string;
  opened: OpenedLeg | null;
}

const SELECT = `select o.id, o.cycle, o.day::text as day, o.asker, o.total_id, o.leg, o.line_id, o.counterparty, o.counterparty_line_id, o.counterparty_opening_id, o.reason,
    o.asked_by, o.asked_at, d.verdict, d.by_whom, d.decided_at, d.reason as decision, d.opened
  from opening o left join opening_decision d on d.opening_id = o.id`;

/** Of the brands only who asked, and the other side once it is open. */
const SEEN = `($1::text is null or o.asker = $1 or (o.counterparty = $1 and d.verdict = 'opened'))`;

@Injectable()
export class OpeningsRepository {
  /** False when the brand has asked for this leg before. */
  async insert(tx: EntityManager, opening: Opening): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into opening (id, cycle, day, asker, total_id, leg, line_id, counterparty, counterparty_line_id, counterparty_opening_id,
         reason, asked_by, asked_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (asker, line_id) do nothing returning id`,
      [
        opening.id,
        opening.cycle,
        opening.day,
        opening.asker,
        opening.totalId,
        opening.leg,
        opening.lineId,
        opening.counterparty,
        opening.counterpartyLineId,
        opening.counterpartyOpeningId,
        opening.reason,
        opening.askedBy,
        opening.askedAt,
      ],
    );
    return rows.length > 0;
  }

  async decide(tx: EntityManager, id: string, { verdict, by, at, reason, leg }: Decision): Promise<void> {
    await tx.query(
      'insert into opening_decision (opening_id, verdict, by_whom, decided_at, reason, opened) values ($1, $2, $3, $4, $5, $6)',
      [id, verdict, by, at, reason, leg === null ? null : JSON.stringify(leg)],
    );
  }

  /** Openings of a cycle that a brand may see, or (null) all, the oldest first; those of others come last, in no order of time. */
  async list(tx: EntityManager, cycle: string, reader: Party | null): Promise<Opening[]> {
    const rows: Row[] = await tx.query(
      `${SELECT} where ${SEEN} and o.cycle = $2
       order by case when $1::text is null or o.asker = $1 then o.asked_at end, o.counterparty_opening_id limit 1000`,
      [reader, cycle],
    );
    return rows.map(openingOf);
  }

  async find(tx: EntityManager, id: string, reader: Party | null): Promise<Opening | null> {
    const [row]: Row[] = await tx.query(
      `${SELECT} where ${SEEN} and case when o.counterparty = $1 then o.counterparty_opening_id else o.id end = $2`,
      [reader, id],
    );
    return row === undefined ? null : openingOf(row);
  }

  /** Nobody else decides about it meanwhile. */
  async lock(tx: EntityManager, id: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('opening ' || $1, 0))`, [id]);
  }

  /** The pseudonym under which a brand knows the owner of a wallet; null when it knows none any more. */
  async memberRef(tx: EntityManager, brand: Party, walletId: string): Promise<string | null> {
    const [row]: { member_ref: string }[] = await tx.query(
      'select member_ref from member_link where wallet_id = $1 and brand = $2 and active order by changed_at desc limit 1',
      [walletId, partyName(brand)],
    );
    return row?.member_ref ?? null;
  }
}

function openingOf(row: Row): Opening {
  return {
    id: row.id,
    cycle: row.cycle,
    day: row.day,
    asker: row.asker,
    totalId: row.total_id,
    leg: row.leg,
    lineId: row.line_id,
    counterparty: row.counterparty,
    counterpartyLineId: row.counterparty_line_id,
    counterpartyOpeningId: row.counterparty_opening_id,
    reason: row.reason,
    askedBy: row.asked_by,
    askedAt: row.asked_at,
    decision:
      row.verdict === null
        ? null
        : { verdict: row.verdict, by: row.by_whom, at: row.decided_at, reason: row.decision, leg: row.opened },
  };
}
