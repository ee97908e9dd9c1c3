import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { LEGS } from '../postings/postings.tables.js';
import type { DayLeg } from './day.js';
import { DAY_TOTALS } from './days.tables.js';
import type { DayTotal } from './days.tables.js';

/** The reader of days: a contributor (by seller), or a seller (all that it pays). */
export interface Reader {
  readonly as: 'contributor' | 'seller';
  readonly brand: string;
}

@Injectable()
export class DaysRepository {
  /** Closes days. No leg is recorded while days are being closed, and no day is closed while legs are being recorded. */
  async closeThrough(tx: EntityManager, day: string): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(4007)');
    await tx.query('update closed_days set through = $1::date where through < $1::date', [day]);
  }

  /** The first closed day that has legs but no roots yet, locked against other sealers. Null if all are sealed. */
  async unsealed(tx: EntityManager): Promise<{ through: string; day: string | null } | null> {
    const rows: { through: string }[] = await tx.query(
      'select through from closed_days where sealed < through for update',
    );
    const [row] = rows;
    if (row === undefined) return null;
    const days: { day: string | null }[] = await tx.query(
      'select min(day) as day from leg where day > (select sealed from closed_days) and day <= $1::date',
      [row.through],
    );
    return { through: row.through, day: days[0]?.day ?? null };
  }

  async keep(tx: EntityManager, totals: readonly DayTotal[]): Promise<void> {
    await DAY_TOTALS.insert(tx, totals);
  }

  async sealed(tx: EntityManager, through: string): Promise<void> {
    await tx.query('update closed_days set sealed = $1::date where sealed < $1::date', [through]);
  }

  /** Records a day whose roots could not be stored. */
  async failed(tx: EntityManager, day: string, fault: string): Promise<void> {
    await tx.query(
      'insert into day_fault (day, fault) values ($1, $2) on conflict (day) do update set fault = excluded.fault',
      [day, fault],
    );
  }

  /** Days that could not be closed, locked against other retries. */
  async lockFailed(tx: EntityManager): Promise<string[]> {
    const rows: { day: string }[] = await tx.query('select day from day_fault order by day for update');
    return rows.map(({ day }) => day);
  }

  async mended(tx: EntityManager, day: string): Promise<void> {
    await tx.query('delete from day_fault where day = $1::date', [day]);
  }

  legsOf(tx: EntityManager, day: string): Promise<DayLeg[]> {
    return tx.findBy(LEGS, { day });
  }

  /** Legs of days without stored roots: days that could not be closed and, for a seller, open days. */
  openLegs(tx: EntityManager, { as, brand }: Reader, from: string, to: string): Promise<DayLeg[]> {
    return LEGS.query(
      tx,
      `select * from leg where ${as === 'seller' ? 'brand = $1' : `owner = $1 and party = 'contributor'`}
          and day between $2::date and $3::date
          and (day in (select day from day_fault) or (${as === 'seller'} and day > (select sealed from closed_days)))`,
      [as === 'seller' ? brand : `brand:${brand}`, from, to],
    );
  }

  totals(tx: EntityManager, { as, brand }: Reader, from: string, to: string): Promise<DayTotal[]> {
    return DAY_TOTALS.query(
      tx,
      `select * from commission_day where ${as === 'seller' ? `seller = $1 and contributor = ''` : 'contributor = $1'}
          and day between $2::date and $3::date order by day, seller, currency`,
      [brand, from, to],
    );
  }

  async sealedDays(tx: EntityManager): Promise<string[]> {
    const rows: { day: string }[] = await tx.query(
      `select day from (select day from commission_day union select day from leg where day <= (select sealed from closed_days)) d order by 1`,
    );
    return rows.map(({ day }) => day);
  }

  totalsOfDay(tx: EntityManager, day: string): Promise<DayTotal[]> {
    return DAY_TOTALS.query(tx, 'select * from commission_day where day = $1::date', [day]);
  }
}
