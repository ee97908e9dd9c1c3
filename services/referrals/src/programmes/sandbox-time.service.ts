import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AllianceClock } from '#libs/kernel';

/** Sets the sandbox's time in the database, whose own rules on holds use it. In real time nothing is set. */
@Injectable()
export class SandboxTimeService {
  constructor(private readonly clock: AllianceClock) {}

  async tell(tx: EntityManager): Promise<void> {
    const frozen = this.clock.frozenAt;
    await (frozen === null
      ? tx.query('delete from frozen_clock')
      : tx.query(
          'insert into frozen_clock (at) values ($1) on conflict (one) do update set at = excluded.at where frozen_clock.at < excluded.at',
          [frozen],
        ));
  }
}
