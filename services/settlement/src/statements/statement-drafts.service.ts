import { createHash } from 'node:crypto';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { groupBy } from '#libs/kernel';
import { DayTotals } from '../days/day-total.js';
import type { DayLines, DayTotal } from '../days/day-total.js';
import { NO_LINES, withDay } from '../days/lines-root.js';
import { ReaderIdsService } from '../ids/reader-ids.service.js';
import { LinesService } from '../lines/lines.service.js';
import { partyName } from '../parties/party.js';
import { StatementDraft } from './statement-draft.js';
import type { StatementHeader } from './statement.js';

export interface CycleDraft {
  /** Statements computed from the lines, by brand; the caller adds their nets. */
  readonly statements: ReadonlyMap<string, StatementDraft>;
  /** Totals computed from the lines, and the legs of each day. */
  readonly totals: readonly DayTotal[];
  readonly days: ReadonlyMap<string, DayLines>;
  readonly lineCount: bigint;
  /** `sha256:…` over the digests of what all lines say, in order of recording, posting and ids, day by day. */
  readonly linesRoot: string;
  /** Ids of lines that no longer match their digest. */
  readonly changed: readonly string[];
}

/** Builds the statements of a cycle from its lines alone, in one pass for all brands. */
@Injectable()
export class StatementDraftsService {
  constructor(
    private readonly lines: LinesService,
    private readonly ids: ReaderIdsService,
  ) {}

  /** Statements of all brands with lines, and of `brands` even without lines. */
  async draft(
    tx: EntityManager,
    cycle: string,
    brands: readonly string[],
    headerOf: (brand: string) => StatementHeader,
  ): Promise<CycleDraft> {
    const drafts = new Map<string, StatementDraft>();
    const draftOf = (brand: string): StatementDraft => {
      const draft =
        drafts.get(brand) ?? new StatementDraft(headerOf(brand), (reader, thing) => this.ids.of(reader, thing));
      drafts.set(brand, draft);
      return draft;
    };
    brands.forEach(draftOf);
    let linesRoot = NO_LINES;
    let digests = createHash('sha256');
    const changed: string[] = [];
    const days = new Map<string, DayLines>();
    let legs = 0n;
    const totals: DayTotal[] = [];
    const ofDay = new DayTotals((of, id) => this.ids.salt(of, id));
    let today: string | null = null;
    const endDay = (): void => {
      if (today === null) return;
      const linesDigest = digests.digest('hex');
      linesRoot = withDay(linesRoot, today, linesDigest);
      days.set(today, { legs, linesDigest });
      digests = createHash('sha256');
      legs = 0n;
      const ended = ofDay.end();
      totals.push(...ended);
      const byBrand = groupBy(ended, ({ reader }) => partyName(reader));
      for (const brand of byBrand.keys()) draftOf(brand);
      for (const [brand, draft] of drafts) draft.endDay(byBrand.get(brand) ?? []);
    };
    for await (const stored of this.lines.all(tx, cycle)) {
      for (const one of stored) {
        const { line } = one;
        if (line.day !== today) endDay();
        today = line.day;
        legs += 1n;
        digests.update(one.digest);
        if (!this.ids.fits(one)) changed.push(line.id);
        if (line.reader !== null) draftOf(partyName(line.reader)).addLot(line, line.reader);
        ofDay.add(line);
      }
      // a cycle of many lines must not delay other calls
      await yieldToOthers();
    }
    endDay();
    const lineCount = [...days.values()].reduce((sum, day) => sum + day.legs, 0n);
    return { statements: drafts, totals, days, lineCount, linesRoot, changed };
  }
}
