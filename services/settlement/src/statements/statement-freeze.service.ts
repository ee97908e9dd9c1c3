import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { fail, idFromUuid } from '#libs/kernel';
import { brandParty } from '../parties/party.js';
import type { CycleResult } from '../netting/netting.service.js';
import { DaysService } from '../days/days.service.js';
import { DraftsService } from './drafts.service.js';
import type { CycleDraft } from './drafts.service.js';
import { counterpartiesOf } from './statement.js';
import type { ChainedStatement } from './statement.js';
import { StatementsRepository } from './statements.repository.js';

/** Writes the statements of a cycle, and knows what was written. */
@Injectable()
export class StatementFreezeService {
  constructor(
    private readonly drafts: DraftsService,
    private readonly statements: StatementsRepository,
    private readonly days: DaysService,
  ) {}

  /**
   * Statements of all brands that have lines, and of `brands` even where they have none. Each follows the newest of its brand:
   * one freeze at a time, so that no two follow the same.
   * @throws DomainError `cycle_not_settled` when a line does not say what it was written with
   */
  async freeze(
    tx: EntityManager,
    cycle: { id: string; currency: string },
    brands: readonly string[],
    { positions, groups }: Pick<CycleResult, 'positions' | 'groups'>,
  ): Promise<Pick<CycleDraft, 'lineCount' | 'linesRoot'>> {
    await this.statements.holdChains(tx);
    const previous = await this.statements.newestHashes(tx);
    const draft = await this.drafts.draft(tx, cycle.id, brands, (brand) => ({
      cycle: cycle.id,
      brand,
      version: 1,
      currency: cycle.currency,
      previousHash: previous.get(brand) ?? null,
    }));
    const [changed] = draft.changed;
    if (changed !== undefined) {
      fail('cycle_not_settled', {
        detail: `Line ${idFromUuid('ln', changed)} was changed after it was written: see the verification.`,
      });
    }
    const finished = [...draft.statements].map(([brand, statement]) => {
      const party = brandParty(brand);
      return statement.finish(positions.get(party) ?? 0n, counterpartiesOf(party, groups));
    });
    finished.sort((a, b) => (a.header.brand < b.header.brand ? -1 : 1));
    await this.statements.insert(tx, finished);
    await this.days.keep(tx, cycle.id, draft.days, draft.totals);
    return draft;
  }

  /** What the brands of a cycle were told, in all versions. */
  ofCycle(tx: EntityManager, cycle: string): Promise<ChainedStatement[]> {
    return this.statements.ofCycle(tx, cycle);
  }

  /** Brands that were told about a frozen cycle. */
  told(tx: EntityManager, cycle: string): Promise<string[]> {
    return this.statements.told(tx, cycle);
  }
}
