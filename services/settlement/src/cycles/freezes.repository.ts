import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { NO_LINES } from '../days/lines-root.js';
import type { Freeze, FreezeStage } from './freeze.js';

interface FreezeRow {
  cycle: string;
  stage: FreezeStage;
  through: string | null;
  line_count: bigint;
  lines_root: string;
  started_at: Date;
}

@Injectable()
export class FreezesRepository {
  async begin(tx: EntityManager, cycle: string, at: Date): Promise<void> {
    await tx.query('insert into cycle_freeze (cycle, lines_root, started_at) values ($1, $2, $3)', [
      cycle,
      NO_LINES,
      at,
    ]);
  }

  async find(tx: EntityManager, cycle: string): Promise<Freeze | null> {
    const rows: FreezeRow[] = await tx.query(
      'select cycle, stage, through::text as through, line_count, lines_root, started_at from cycle_freeze where cycle = $1',
      [cycle],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const { stage, through, line_count, lines_root, started_at } = row;
    return { cycle, stage, through, lineCount: line_count, linesRoot: lines_root, startedAt: started_at };
  }

  /** Cycles that are being frozen. */
  async unfinished(tx: EntityManager): Promise<string[]> {
    const rows: { cycle: string }[] = await tx.query(`select cycle from cycle_freeze where stage <> 'done' order by 1`);
    return rows.map(({ cycle }) => cycle);
  }

  /** From here to the end of the transaction nobody else works on this freeze. Takes no transaction id, so no relay waits meanwhile. */
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
