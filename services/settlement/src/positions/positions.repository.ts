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
   * What lines come to by party, with and without those in dispute, worked out by the database alone: what was computed here
   * when the cycle was confirmed is held against it.
   */
  fromLines(tx: EntityManager, cycle: string): Promise<ConfirmedPosition[]> {
    const nets = (which: string): string => `
      select party, sum(moved) as net from (
        select payer, payee, round(sum(amount_micro) / 1000000) as amount from line l where l.cycle = $1 ${which}
          group by payer, payee, type like 'fee%', type like 'redemption%', type like 'conversion%', asset, price_micro) g
        cross join lateral (values (payer, -amount), (payee, amount)) as side (party, moved)
        group by party`;
    return NET_POSITIONS.query(
      tx,
      `select $1 as cycle, party, coalesce(u.net, 0) as net, a.net - coalesce(u.net, 0) as disputed
         from (${nets('')}) a left join (${nets(
           'and not exists (select from disputed_line d where d.cycle = l.cycle and d.line_id = l.id)',
         )}) u using (party)`,
      [cycle],
    );
  }
}
