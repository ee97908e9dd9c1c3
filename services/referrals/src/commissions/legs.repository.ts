import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Party } from '../splits/split.js';

/** One party's part of one entry: signed minor units. */
export interface Leg {
  readonly id: string;
  readonly entryId: string;
  readonly commissionId: string;
  readonly brand: string;
  readonly party: Party;
  readonly owner: string;
  readonly payee: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly reversesLegId: string | null;
  readonly postedAt: Date;
  /** Day of recording in the alliance's zone: that of posting, or the first open one after it. */
  readonly day: string;
}

interface Row {
  id: string;
  entry_id: string;
  commission_id: string;
  brand: string;
  party: Party;
  owner: string;
  payee: string;
  amount: bigint;
  currency: string;
  reverses_leg_id: string | null;
  posted_at: Date;
  day: string;
}

const COLUMNS =
  'id, entry_id, commission_id, brand, party, owner, payee, amount, currency, reverses_leg_id, posted_at, day::text as day';

@Injectable()
export class LegsRepository {
  async insert(tx: EntityManager, legs: readonly Leg[]): Promise<void> {
    if (legs.length === 0) return;
    // days are closed by whoever holds this alone; what is recorded after a day was closed belongs to the next one
    await tx.query('select pg_advisory_xact_lock_shared(4007)');
    await tx.query(
      `insert into leg (id, entry_id, commission_id, brand, party, owner, payee, amount, currency, reverses_leg_id, posted_at, day)
       select l.id, entry_id, commission_id, brand, party, owner, payee, amount, currency, reverses_leg_id, posted_at, greatest(l.day, c.through + 1)
         from closed_days c, jsonb_to_recordset($1::jsonb) as l (id uuid, entry_id uuid, commission_id uuid, brand text, party text, owner text,
         payee text, amount bigint, currency text, reverses_leg_id uuid, posted_at timestamptz, day date)`,
      [
        JSON.stringify(
          legs.map((leg) => ({
            id: leg.id,
            entry_id: leg.entryId,
            commission_id: leg.commissionId,
            brand: leg.brand,
            party: leg.party,
            owner: leg.owner,
            payee: leg.payee,
            amount: leg.amount.toString(),
            currency: leg.currency,
            reverses_leg_id: leg.reversesLegId,
            posted_at: leg.postedAt,
            day: leg.day,
          })),
        ),
      ],
    );
  }

  async ofCommissions(tx: EntityManager, ids: readonly string[]): Promise<Leg[]> {
    const rows: Row[] = await tx.query(
      `select ${COLUMNS} from leg where commission_id = any($1::uuid[]) order by posted_at, entry_id, id`,
      [ids],
    );
    return rows.map(legOf);
  }
}

function legOf(row: Row): Leg {
  return {
    id: row.id,
    entryId: row.entry_id,
    commissionId: row.commission_id,
    brand: row.brand,
    party: row.party,
    owner: row.owner,
    payee: row.payee,
    amount: row.amount,
    currency: row.currency,
    reversesLegId: row.reverses_leg_id,
    postedAt: row.posted_at,
    day: row.day,
  };
}
