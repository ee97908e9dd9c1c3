import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Party } from '../parties/party.js';
import type { ConfirmedPosition } from './position.js';

interface PositionRow {
  party: Party;
  net: string;
  disputed: string;
}

@Injectable()
export class PositionsRepository {
  async insert(tx: EntityManager, cycle: string, positions: readonly ConfirmedPosition[]): Promise<void> {
    await tx.query(
      `insert into net_position (cycle, party, net, disputed) select $1, * from unnest($2::text[], $3::numeric[], $4::numeric[])`,
      [
        cycle,
        positions.map(({ party }) => party),
        positions.map(({ net }) => net.toString()),
        positions.map(({ disputed }) => disputed.toString()),
      ],
    );
  }

  async ofCycle(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    const rows = await tx.query<PositionRow[]>(
      'select party, net::text, disputed::text from net_position where cycle = $1',
      [cycle],
    );
    return rows.map(positionOf);
  }

  /**
   * What lines come to by party, worked out by the database alone: what was computed here when the cycle was confirmed is held against
   * it. Nothing can have been in dispute.
   */
  async fromLines(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    const rows = await tx.query<PositionRow[]>(
      `select party, sum(moved)::text as net, '0' as disputed from (
         select payer, payee, round(sum(amount_micro) / 1000000) as amount from line l where l.cycle = $1
           group by payer, payee, type like 'fee%', type like 'redemption%', type like 'conversion%', asset, price_micro) g
         cross join lateral (values (payer, -amount), (payee, amount)) as side (party, moved)
         group by party`,
      [cycle],
    );
    return rows.map(positionOf);
  }

  /** Ids of lines that stand as disputed. */
  async disputed(tx: EntityManager, cycle: string): Promise<string[]> {
    const rows = await tx.query<{ line_id: string }[]>(
      'select line_id from disputed_line where cycle = $1 order by line_id',
      [cycle],
    );
    return rows.map(({ line_id }) => line_id);
  }
}

function positionOf({ party, net, disputed }: PositionRow): ConfirmedPosition {
  return { party, net: BigInt(net), disputed: BigInt(disputed) };
}
