import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { LINE_DIGEST } from '../entries/lines.tables.js';
import type { Party } from '../parties/party.js';
import type { DayTotal } from './day-total.js';
import { DAY_TOTALS } from './days.tables.js';

@Injectable()
export class DaysRepository {
  /** Days of cycles that take no more lines and have no totals yet, earliest first. */
  async unsealed(tx: EntityManager): Promise<{ cycle: string; day: string }[]> {
    return tx.query(
      `select c.id as cycle, d.day
         from cycle c cross join lateral (
           select distinct l.day from line l where l.cycle = c.id and l.day <= c.closed_through) d
        where c.status in ('open', 'cut_off') and c.closed_through is not null
          and not exists (select from day_seal s where s.cycle = c.id and s.day = d.day)
        order by 2, 1`,
    );
  }

  /** Whether there may be days to close: cycles that take lines of days up to `through`. */
  async anyOpen(tx: EntityManager, through: string): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      `select 1 from cycle where status in ('open', 'cut_off') and (closed_through is null or closed_through < $1::date) limit 1`,
      [through],
    );
    return rows.length > 0;
  }

  /** The first day after another that has lines, or had when it was closed; null if there is none. */
  async after(tx: EntityManager, cycle: string, day: string | null): Promise<string | null> {
    const first = (table: string): string =>
      `(select min(day) from ${table} where cycle = $1 and day > coalesce($2::date, '-infinity'))`;
    const rows: { day: string | null }[] = await tx.query(
      `select least(${first('line')}, ${first('day_seal')}) as day`,
      [cycle, day],
    );
    return rows[0]?.day ?? null;
  }

  /**
   * The SHA-256 in hex over the digests of each day's lines in their order, made of what they say now, their number, and whether that is
   * what they were written with. A day is one statement, so that a cycle of any size is within the time limit of one.
   */
  async digests(
    tx: EntityManager,
    cycle: string,
  ): Promise<{ day: string; legs: bigint; digest: string; asWritten: boolean }[]> {
    const days: { day: string }[] = await tx.query('select distinct day from line where cycle = $1 order by day', [
      cycle,
    ]);
    const read: { day: string; legs: bigint; digest: string; asWritten: boolean }[] = [];
    for (const { day } of days) {
      const rows: typeof read = await tx.query(
        `select day, count(*) as legs, encode(sha256(string_agg(says, ''::bytea order by posted_at, own_id, id)), 'hex') as digest,
            bool_and(says = digest) as "asWritten"
           from (select *, ${LINE_DIGEST} as says from line where cycle = $1 and day = $2) l group by day`,
        [cycle, day],
      );
      read.push(...rows);
    }
    return read;
  }

  async seal(tx: EntityManager, cycle: string, day: string, legs: bigint): Promise<boolean> {
    const rows: unknown[] = await tx.query(
      'insert into day_seal (cycle, day, legs) values ($1, $2, $3) on conflict do nothing returning day',
      [cycle, day, legs.toString()],
    );
    return rows.length > 0;
  }

  /** Sealed days in order, with their numbers of lines; of a whole cycle or one day. */
  async sealed(tx: EntityManager, cycle: string, day: string | null = null): Promise<{ day: string; legs: bigint }[]> {
    return tx.query('select day, legs from day_seal where cycle = $1 and ($2::date is null or day = $2) order by 1', [
      cycle,
      day,
    ]);
  }

  async insert(tx: EntityManager, cycle: string, totals: readonly DayTotal[]): Promise<void> {
    await DAY_TOTALS.insert(
      tx,
      totals.map((total) => ({ ...total, cycle })),
    );
  }

  /** Totals of the closed days of a cycle, or of one day: those of a reader, or all that the transaction may see. */
  totals(tx: EntityManager, cycle: string, reader: Party | null, day: string | null = null): Promise<DayTotal[]> {
    return DAY_TOTALS.query(
      tx,
      `select * from day_total where cycle = $1 and ($2::text is null or reader = $2) and ($3::date is null or day = $3)`,
      [cycle, reader, day],
    );
  }
}
