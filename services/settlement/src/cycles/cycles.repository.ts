import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Cycle, CycleSeal, CycleStatus, CycleStep, RecordedStep } from './cycle.js';
import { CYCLES } from './cycles.tables.js';

@Injectable()
export class CyclesRepository {
  list(tx: EntityManager): Promise<Cycle[]> {
    return CYCLES.query(tx, 'select * from cycle order by month, currency');
  }

  /** Cycles that may still take lines, of all months or of some. Locks their state until the transaction ends. */
  holdTaking(tx: EntityManager, months: readonly string[] | null): Promise<Cycle[]> {
    return CYCLES.query(
      tx,
      `select * from cycle where status in ('open', 'cut_off') and ($1::text[] is null or month = any($1))
        order by month, currency for share`,
      [months],
    );
  }

  /** The seal of a frozen cycle; null before the freeze. */
  async seal(tx: EntityManager, id: string): Promise<CycleSeal | null> {
    const cycle = await tx.findOneBy(CYCLES, { id });
    const { lineCount = null, linesRoot = null, resultsRoot = null } = cycle ?? {};
    return lineCount === null || linesRoot === null || resultsRoot === null
      ? null
      : { lineCount, linesRoot, resultsRoot };
  }

  lock(tx: EntityManager, id: string): Promise<Cycle | null> {
    return tx.findOne(CYCLES, { where: { id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Closes the days of the cycles that take lines. Waits for writers of those days. */
  async closeDays(tx: EntityManager, through: string): Promise<void> {
    await tx.query(
      `update cycle set closed_through = $1::date
        where status in ('open', 'cut_off') and (closed_through is null or closed_through < $1::date)`,
      [through],
    );
  }

  /** Creates a cycle. Returns false if another call was faster. */
  async create(tx: EntityManager, cycle: Cycle): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `insert into cycle (id, month, currency, from_at, to_at) values ($1, $2, $3, $4, $5)
       on conflict do nothing returning id`,
      [cycle.id, cycle.month, cycle.currency, cycle.from, cycle.to],
    );
    return rows.length > 0;
  }

  /** Moves a cycle to its next state at an instant. `to` applies only at the cut-off, `seal` only at the freeze. */
  async advance(
    tx: EntityManager,
    id: string,
    status: CycleStatus,
    at: Date,
    to: Date,
    seal: CycleSeal | null,
  ): Promise<void> {
    await tx.query(
      `update cycle set status = $2::text,
         to_at = case when $2 = 'cut_off' then $4 else to_at end,
         cut_off_at = case when $2 = 'cut_off' then $3 else cut_off_at end,
         line_count = coalesce($5::bigint, line_count),
         lines_root = coalesce($6::text, lines_root),
         results_root = coalesce($7::text, results_root)
       where id = $1`,
      [id, status, at, to, seal?.lineCount ?? null, seal?.linesRoot ?? null, seal?.resultsRoot ?? null],
    );
  }

  /** The step that a caller made under an idempotency key. */
  async stepOf(tx: EntityManager, caller: string, key: string): Promise<{ cycle: string; step: CycleStep } | null> {
    const rows: { cycle: string; step: CycleStep }[] = await tx.query(
      'select cycle, step from cycle_step where caller = $1 and key = $2',
      [caller, key],
    );
    return rows[0] ?? null;
  }

  /** The last posting of a cycle after an instant; null if there is none. */
  async lastAfter(tx: EntityManager, cycle: string, at: Date, day: string): Promise<Date | null> {
    const rows: { last: Date | null }[] = await tx.query(
      'select max(posted_at) as last from line where cycle = $1 and day >= $3::date and posted_at > $2',
      [cycle, at, day],
    );
    return rows[0]?.last ?? null;
  }

  steps(tx: EntityManager, cycle: string): Promise<RecordedStep[]> {
    return tx.query(
      `select step, at, caller from cycle_step where cycle = $1 order by array_position(array['cut-off', 'freeze', 'confirm', 'close'], step)`,
      [cycle],
    );
  }

  async addStep(
    tx: EntityManager,
    cycle: string,
    step: CycleStep,
    caller: string,
    key: string | null,
    at: Date,
  ): Promise<void> {
    await tx.query('insert into cycle_step (cycle, step, caller, key, at) values ($1, $2, $3, $4, $5)', [
      cycle,
      step,
      caller,
      key,
      at,
    ]);
  }

  /** Moves the start of an open cycle to the early cut-off of the previous one. */
  async beginEarlier(tx: EntityManager, month: string, currency: string, from: Date): Promise<void> {
    await tx.query(
      `update cycle set from_at = $3 where month = $1 and currency = $2 and status = 'open' and from_at > $3`,
      [month, currency, from],
    );
  }
}
