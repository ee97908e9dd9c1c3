import { createHash } from 'node:crypto';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { lineDigest } from '../entries/line.js';
import type { Line } from '../entries/line.js';
import { isBrand, partyName } from '../parties/party.js';
import { LinesRepository } from './lines.repository.js';
import { EMPTY_TOTALS, lineDocument, StatementFile, totalsDocument, withLine } from './statement.js';
import type { FrozenStatement, StatementHeader, StatementTotals } from './statement.js';

/** What a pass over the lines of a cycle found. */
export interface CycleDraft {
  /** Statements that follow from the lines, by brand; their nets are filled in by whoever knows them. */
  readonly statements: ReadonlyMap<string, (net: bigint) => FrozenStatement>;
  readonly lineCount: bigint;
  /** `sha256:…` over the digests of all lines, in order of posting and id. */
  readonly linesRoot: string;
  /** Ids of lines that no longer say what they were written with. */
  readonly changed: readonly string[];
}

/** Brands that a line concerns: those that pay, are paid, issued or redeemed. */
function brandsOf(line: Line): Set<string> {
  return new Set(
    [line.payer, line.payee, line.issuer, line.redeemer ?? line.payer].filter(isBrand).map((party) => partyName(party)),
  );
}

/** Makes the statements of a cycle from its lines and from nothing else. One pass, whatever the number of brands. */
@Injectable()
export class DraftsService {
  constructor(private readonly lines: LinesRepository) {}

  /** Lines of a cycle that lie in another one as well. */
  doubles(tx: EntityManager, cycle: string): Promise<{ id: string; cycle: string }[]> {
    return this.lines.doubles(tx, cycle);
  }

  /** Statements of all brands that have lines, and of `brands` even where they have none. */
  async draft(
    tx: EntityManager,
    cycle: string,
    brands: readonly string[],
    headerOf: (brand: string) => StatementHeader,
  ): Promise<CycleDraft> {
    const drafts = new Map<string, { header: StatementHeader; file: StatementFile; totals: StatementTotals }>();
    const draftOf = (brand: string) => {
      const known = drafts.get(brand);
      if (known !== undefined) return known;
      const header = headerOf(brand);
      const fresh = { header, file: new StatementFile(header), totals: EMPTY_TOTALS };
      drafts.set(brand, fresh);
      return fresh;
    };
    brands.forEach(draftOf);
    const root = createHash('sha256');
    const changed: string[] = [];
    let lineCount = 0n;
    for await (const stored of this.lines.all(tx, cycle)) {
      for (const { line, digest } of stored) {
        lineCount += 1n;
        root.update(digest);
        if (!lineDigest(line, cycle).equals(digest)) changed.push(line.id);
        const row = StatementFile.row(lineDocument(line));
        for (const brand of brandsOf(line)) {
          const draft = draftOf(brand);
          draft.file.add(row);
          draft.totals = withLine(draft.totals, brand, line);
        }
      }
      // a cycle of many lines must not keep other calls waiting
      await yieldToOthers();
    }
    const statements = [...drafts].map(
      ([brand, { header, file, totals }]): [string, (net: bigint) => FrozenStatement] => [
        brand,
        (net) => ({ header, totals, net, hash: file.end(totalsDocument(totals, net)) }),
      ],
    );
    return { statements: new Map(statements), lineCount, linesRoot: `sha256:${root.digest('hex')}`, changed };
  }
}
