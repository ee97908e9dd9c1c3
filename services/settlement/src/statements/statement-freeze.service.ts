import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { isBrand } from '../entries/line.js';
import type { Line } from '../entries/line.js';
import { EMPTY_TOTALS, lineDocument, StatementFile, totalsDocument, withLine } from './statement.js';
import type { StatementHeader, StatementTotals } from './statement.js';
import { StatementsRepository } from './statements.repository.js';
import type { FrozenStatement } from './statements.repository.js';

interface Draft {
  readonly header: StatementHeader;
  readonly file: StatementFile;
  totals: StatementTotals;
}

/** Brands that a line concerns: those that pay, are paid, issued or redeemed. */
function brandsOf(line: Line): Set<string> {
  return new Set([line.payer, line.payee, line.issuer, line.redeemer ?? line.payer].filter(isBrand));
}

/** Writes the statements of a cycle, and later proves them again. One pass over the lines, whatever the number of brands. */
@Injectable()
export class StatementFreezeService {
  constructor(private readonly statements: StatementsRepository) {}

  /** Statements of all brands that have lines, and of `brands` even where they have none. */
  async freeze(
    tx: EntityManager,
    cycle: { id: string; currency: string },
    brands: readonly string[],
    nets: ReadonlyMap<string, bigint>,
  ): Promise<void> {
    const previous = await this.statements.newestHashes(tx);
    const header = (brand: string): StatementHeader => ({
      cycle: cycle.id,
      brand,
      version: 1,
      currency: cycle.currency,
      previousHash: previous.get(brand) ?? null,
    });
    const drafts = await this.draft(tx, cycle.id, brands.map(header), header);
    const statements = [...drafts.values()].map((draft) => finish(draft, nets.get(draft.header.brand) ?? 0n));
    statements.sort((a, b) => (a.header.brand < b.header.brand ? -1 : 1));
    await this.statements.insert(tx, statements);
  }

  /** Brands of a frozen cycle whose statement no longer follows from the lines; none, unless somebody tampered. */
  async verify(tx: EntityManager, cycle: string): Promise<string[]> {
    const stored = await this.statements.ofCycle(tx, cycle);
    const drafts = await this.draft(
      tx,
      cycle,
      stored.map(({ header }) => header),
      (brand) => ({ cycle, brand, version: 0, currency: '', previousHash: null }),
    );
    const broken = new Set(drafts.keys());
    for (const { header, net, hash } of stored) {
      const draft = drafts.get(header.brand);
      if (draft !== undefined && finish(draft, net).hash === hash) broken.delete(header.brand);
    }
    return [...broken].sort();
  }

  /** What a frozen cycle's brands were told. */
  ofCycle(tx: EntityManager, cycle: string): Promise<FrozenStatement[]> {
    return this.statements.ofCycle(tx, cycle);
  }

  private async draft(
    tx: EntityManager,
    cycle: string,
    headers: readonly StatementHeader[],
    headerOf: (brand: string) => StatementHeader,
  ): Promise<Map<string, Draft>> {
    const drafts = new Map<string, Draft>();
    const begin = (header: StatementHeader): Draft => {
      const draft = { header, file: new StatementFile(header), totals: EMPTY_TOTALS };
      drafts.set(header.brand, draft);
      return draft;
    };
    headers.forEach(begin);
    for await (const lines of this.statements.all(tx, cycle)) {
      for (const line of lines) {
        const row = StatementFile.row(lineDocument(line));
        for (const brand of brandsOf(line)) {
          const draft = drafts.get(brand) ?? begin(headerOf(brand));
          draft.file.add(row);
          draft.totals = withLine(draft.totals, brand, line);
        }
      }
      // a cycle of many lines must not keep other calls waiting
      await yieldToOthers();
    }
    return drafts;
  }
}

function finish(draft: Draft, net: bigint): FrozenStatement {
  const { header, totals } = draft;
  return { header, totals, net, hash: draft.file.end(totalsDocument(totals, net)) };
}
