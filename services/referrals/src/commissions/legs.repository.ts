import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { LEGS } from './commissions.tables.js';
import type { Leg } from './commissions.tables.js';

@Injectable()
export class LegsRepository {
  async insert(tx: EntityManager, legs: readonly Leg[]): Promise<void> {
    if (legs.length === 0) return;
    // days are closed by whoever holds this alone; what is recorded after a day was closed belongs to the next one
    await tx.query('select pg_advisory_xact_lock_shared(4007)');
    const { names, sql, values } = LEGS.given(legs);
    await tx.query(
      `insert into leg (${names}) select ${names.replace('day', 'greatest(day, c.through + 1)')} from closed_days c, ${sql}`,
      values,
    );
  }

  ofCommissions(tx: EntityManager, ids: readonly string[]): Promise<Leg[]> {
    return LEGS.query(tx, 'select * from leg where commission_id = any($1::uuid[]) order by posted_at, entry_id, id', [
      ids,
    ]);
  }
}
