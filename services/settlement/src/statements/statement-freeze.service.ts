import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DaysService } from '../days/days.service.js';
import { ReaderIdsService } from '../ids/reader-ids.service.js';
import { LinesService } from '../lines/lines.service.js';
import { net } from '../netting/netting.js';
import { NettingService } from '../netting/netting.service.js';
import { brandParty } from '../parties/party.js';
import { StatementDraft } from './statement-draft.js';
import { counterpartiesOf } from './statement.js';
import type { ChainedStatement } from './statement.js';
import { StatementsRepository } from './statements.repository.js';

/** Writes the statements of a cycle and reads the written ones. */
@Injectable()
export class StatementFreezeService {
  constructor(
    private readonly ids: ReaderIdsService,
    private readonly lines: LinesService,
    private readonly days: DaysService,
    private readonly netting: NettingService,
    private readonly statements: StatementsRepository,
  ) {}

  /** The brand whose statement is next: brands with lines, and `brands` even without lines, by name. Null if all are written. */
  next(tx: EntityManager, cycle: string, brands: readonly string[]): Promise<string | null> {
    return this.statements.next(tx, cycle, brands);
  }

  /**
   * Writes a brand's statement from its lines, the totals of its days and the frozen groups. It follows the brand's newest
   * statement; a lock prevents two statements from following the same one.
   */
  async write(tx: EntityManager, cycle: { id: string; currency: string }, brand: string): Promise<void> {
    await this.statements.holdChain(tx, brand);
    const party = brandParty(brand);
    const previousHash = await this.statements.newestHash(tx, cycle.id, brand);
    const header = { cycle: cycle.id, brand, version: 1, currency: cycle.currency, previousHash };
    const draft = new StatementDraft(header, (reader, thing) => this.ids.of(reader, thing));
    const totals = await this.days.closedOf(tx, cycle.id, party);
    totals.sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0));
    let told = 0;
    const endDays = (before: string | null): void => {
      while (told < totals.length) {
        const day = totals[told]?.day ?? '';
        if (before !== null && day >= before) return;
        const from = told;
        while (totals[told]?.day === day) told += 1;
        draft.endDay(totals.slice(from, told));
      }
    };
    for await (const own of this.lines.allOwn(tx, cycle.id, party)) {
      for (const line of own) {
        endDays(line.day);
        draft.addOwn(line);
      }
      // a statement of many lines must not delay other calls
      await yieldToOthers();
    }
    endDays(null);
    draft.endDay([]);
    const groups = await this.netting.frozenOf(tx, cycle.id, party);
    const position = net(groups).positions.get(party) ?? 0n;
    await this.statements.insert(tx, [draft.finish(position, counterpartiesOf(party, groups))]);
  }

  ofCycle(tx: EntityManager, cycle: string): Promise<ChainedStatement[]> {
    return this.statements.ofCycle(tx, cycle);
  }

  told(tx: EntityManager, cycle: string): Promise<string[]> {
    return this.statements.told(tx, cycle);
  }
}
