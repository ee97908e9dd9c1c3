import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { NO_LINES } from '../days/lines-root.js';
import { FREEZES } from './cycles.tables.js';
import type { Freeze } from './freeze.js';

@Injectable()
export class FreezesRepository {
  async begin(tx: EntityManager, cycle: string, at: Date): Promise<void> {
    await tx.query('insert into cycle_freeze (cycle, lines_root, started_at) values ($1, $2, $3)', [
      cycle,
      NO_LINES,
      at,
    ]);
  }

  find(tx: EntityManager, cycle: string): Promise<Freeze | null> {
    return tx.findOneBy(FREEZES, { cycle });
  }

  async unfinished(tx: EntityManager): Promise<string[]> {
    const rows: { cycle: string }[] = await tx.query(`select cycle from cycle_freeze where stage <> 'done' order by 1`);
    return rows.map(({ cycle }) => cycle);
  }

  /** Locks a freeze until the end of the transaction. Takes no transaction id, so no relay waits. */
  async hold(tx: EntityManager, cycle: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('settlement: freeze of ' || $1, 0))`, [cycle]);
  }

  async save(tx: EntityManager, freeze: Freeze): Promise<void> {
    await tx.query(
      'update cycle_freeze set stage = $2, through = $3, line_count = $4, lines_root = $5 where cycle = $1',
      [freeze.cycle, freeze.stage, freeze.through, freeze.lineCount.toString(), freeze.linesRoot],
    );
  }
}
