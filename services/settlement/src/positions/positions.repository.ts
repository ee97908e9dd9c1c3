import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ConfirmedPosition } from './position.js';
import { NET_POSITIONS } from './positions.tables.js';

@Injectable()
export class PositionsRepository {
  async insert(tx: EntityManager, cycle: string, positions: readonly ConfirmedPosition[]): Promise<void> {
    await NET_POSITIONS.insert(
      tx,
      positions.map((position) => ({ ...position, cycle })),
    );
  }

  ofCycle(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    return NET_POSITIONS.query(tx, 'select * from net_position where cycle = $1', [cycle]);
  }

  /**
   * Amounts of lines by party, computed by the database alone, to compare with the positions at confirmation. Requires that nothing
   * was in dispute.
   */
  fromLines(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    return NET_POSITIONS.query(
      tx,
      `select $1 as cycle, party, sum(moved) as net, 0 as disputed from (
         select payer, payee, round(sum(amount_micro) / 1000000) as amount from line l where l.cycle = $1
           group by payer, payee, type like 'fee%', type like 'redemption%', type like 'conversion%', asset, price_micro) g
         cross join lateral (values (payer, -amount), (payee, amount)) as side (party, moved)
         group by party`,
      [cycle],
    );
  }

  async disputed(tx: EntityManager, cycle: string): Promise<string[]> {
    const rows = await tx.query<{ line_id: string }[]>(
      'select line_id from disputed_line where cycle = $1 order by line_id',
      [cycle],
    );
    return rows.map(({ line_id }) => line_id);
  }
}
