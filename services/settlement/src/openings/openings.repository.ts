import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { StoredRow } from '#libs/postgres';
import { partyName } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { Decision, OpenedLeg, Opening } from './opening.js';
import { OPENINGS } from './openings.tables.js';

interface DecidedRow extends StoredRow {
  readonly verdict: Decision['verdict'] | null;
  readonly by_whom: string;
  readonly decided_at: Date;
  readonly decision: string;
  readonly opened: OpenedLeg | null;
}

const SELECT = `select o.*, d.verdict, d.by_whom, d.decided_at, d.reason as decision, d.opened
  from opening o left join opening_decision d on d.opening_id = o.id`;

/** Visible to the asker; to the counterparty once opened; to no other brand. */
const SEEN = `($1::text is null or o.asker = $1 or (o.counterparty = $1 and d.verdict = 'opened'))`;

@Injectable()
export class OpeningsRepository {
  /** Stores a request. Returns false if the brand has asked for this leg before. */
  async insert(tx: EntityManager, opening: Opening): Promise<boolean> {
    const rows = await OPENINGS.insert(tx, [opening], 'on conflict (asker, line_id) do nothing returning id');
    return rows.length > 0;
  }

  async decide(tx: EntityManager, id: string, { verdict, by, at, reason, leg }: Decision): Promise<void> {
    await tx.query(
      'insert into opening_decision (opening_id, verdict, by_whom, decided_at, reason, opened) values ($1, $2, $3, $4, $5, $6)',
      [id, verdict, by, at, reason, leg === null ? null : JSON.stringify(leg)],
    );
  }

  /**
   * Openings of a cycle that a brand may see, or all (null), oldest first. Openings about a brand's own customers come last, not
   * ordered by time.
   */
  async list(tx: EntityManager, cycle: string, reader: Party | null): Promise<Opening[]> {
    const rows: DecidedRow[] = await tx.query(
      `${SELECT} where ${SEEN} and o.cycle = $2
       order by case when $1::text is null or o.asker = $1 then o.asked_at end, o.counterparty_opening_id limit 1000`,
      [reader, cycle],
    );
    return rows.map(openingOf);
  }

  async find(tx: EntityManager, id: string, reader: Party | null): Promise<Opening | null> {
    const [row]: DecidedRow[] = await tx.query(
      `${SELECT} where ${SEEN} and case when o.counterparty = $1 then o.counterparty_opening_id else o.id end = $2`,
      [reader, id],
    );
    return row === undefined ? null : openingOf(row);
  }

  async lock(tx: EntityManager, id: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('opening ' || $1, 0))`, [id]);
  }

  /** The pseudonym of a wallet's owner at a brand; null if there is none any more. */
  async memberRef(tx: EntityManager, brand: Party, walletId: string): Promise<string | null> {
    const [row]: { member_ref: string }[] = await tx.query(
      'select member_ref from member_link where wallet_id = $1 and brand = $2 and active order by changed_at desc limit 1',
      [walletId, partyName(brand)],
    );
    return row?.member_ref ?? null;
  }
}

function openingOf(row: DecidedRow): Opening {
  const { verdict, by_whom: by, decided_at: at, decision: reason, opened: leg } = row;
  return { ...OPENINGS.fromRow(row), decision: verdict === null ? null : { verdict, by, at, reason, leg } };
}
