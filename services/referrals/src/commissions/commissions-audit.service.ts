import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { targetOf } from './commission.js';
import type { Amounts } from '../splits/split.js';
import type { Commission } from './commission.js';
import { CommissionsRepository } from './commissions.repository.js';

const PAGE = 1_000;

/** Recomputes every commission from its own plan and what remains of its order. */
@Injectable()
export class CommissionsAuditService {
  constructor(private readonly repository: CommissionsRepository) {}

  /**
   * Commissions with a party above its target; if nothing was refunded yet, also those with a party below. A cancelled commission
   * holds nothing.
   */
  async aboveTarget(tx: EntityManager): Promise<string[]> {
    const faults: string[] = [];
    let after: string | null = null;
    for (;;) {
      const page: Commission[] = await this.repository.pageOfAll(tx, after, PAGE);
      for (const commission of page) {
        // nothing was posted
        if (commission.used === 0n) continue;
        const cancelled = commission.state === 'cancelled';
        const target: Amounts = cancelled ? new Map() : targetOf(commission);
        const exact =
          cancelled || (commission.remaining === commission.base && commission.restRemaining === commission.rest);
        for (const { party, held } of commission.shares) {
          const due = target.get(party) ?? 0n;
          if (held > due || (exact && held !== due)) faults.push(`${commission.id} ${party}`);
        }
      }
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) return faults;
      after = last.id;
    }
  }
}
