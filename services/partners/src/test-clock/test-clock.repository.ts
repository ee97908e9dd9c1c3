import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ClockState } from './test-clock.js';

/** The single row with the state of the clock. Without a row it was never set: a network that has brands has run in real time. */
@Injectable()
export class TestClockRepository {
  /** Serializes setters across all processes. */
  async lock(tx: EntityManager): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtext('hezong.test_clock'))`);
  }

  async find(tx: Pick<EntityManager, 'query'>): Promise<ClockState | undefined> {
    const rows: { frozen_at: Date | null }[] = await tx.query(
      `select frozen_at from test_clock
       union all select null where not exists (select from test_clock) and exists (select from brand)`,
    );
    return rows[0] === undefined ? undefined : { frozenAt: rows[0].frozen_at };
  }

  async save(tx: EntityManager, state: ClockState, setAt: Date): Promise<void> {
    await tx.query(
      `insert into test_clock (frozen_at, set_at) values ($1, $2)
       on conflict (single) do update set frozen_at = excluded.frozen_at, set_at = excluded.set_at`,
      [state.frozenAt, setAt],
    );
  }
}
