import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Check, Invariants } from '#libs/http';
import { runAudit } from '#libs/postgres';
import { RecomputationService } from '../standings/recomputation.service.js';

/** Invariants of ranks, checked on current data. */
@Injectable()
export class MembershipInvariantsService implements Invariants {
  constructor(
    private readonly dataSource: DataSource,
    private readonly recomputation: RecomputationService,
  ) {}

  check(): Promise<Check[]> {
    return runAudit(this.dataSource, async (tx) => {
      const { credits, ranks } = await this.recomputation.compare(tx);
      return [
        check('membership: credits are the sum of orders less returns', credits),
        check('membership: every standing follows from its history', ranks),
        check('membership: every rank is what its last decision says', await this.recomputation.undecided(tx)),
      ];
    });
  }
}

function check(name: string, broken: readonly string[]): Check {
  const measured = broken.length === 0 ? 'none' : broken.slice(0, 10).join(' ');
  return { name, ok: broken.length === 0, expected: 'none', measured };
}
