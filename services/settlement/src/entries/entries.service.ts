import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CyclesService } from '../cycles/cycles.service.js';
import type { Place } from '../cycles/cycles.service.js';
import { ReaderIdsService } from '../ids/reader-ids.service.js';
import { EntriesRepository } from './entries.repository.js';
import type { Outstanding, Owed } from './entries.repository.js';
import { isFee, isRedemption } from './line.js';
import type { FiledLine, Line } from './line.js';
import type { PostingFact } from './posting-fact.js';
import { originalLineIds, priceLines } from './pricing.js';
import { readerOf } from './reading.js';

/** Writes priced lines of the partner ledger for postings of the ledger. */
@Injectable()
export class EntriesService {
  constructor(
    private readonly cycles: CyclesService,
    private readonly entries: EntriesRepository,
    private readonly ids: ReaderIdsService,
  ) {}

  /** Prices postings in order and writes their lines. Existing lines stay unchanged. */
  async record(tx: EntityManager, facts: readonly PostingFact[]): Promise<void> {
    const found = await this.entries.terms(tx, [...new Set(facts.flatMap(originalLineIds))]);
    const earlier = new Map(found.map((terms) => [terms.id, terms]));
    const lines: Line[] = [];
    for (const fact of facts) {
      for (const line of priceLines(fact, (id) => earlier.get(id))) {
        lines.push(line);
        // a give-back may follow its original within the same batch
        if (isRedemption(line.type) || isFee(line.type)) {
          earlier.set(line.id, { ...line, returned: 0n, redeemerContract: line.stamps?.redeemerContract ?? null });
        }
        const undone = line.originalLineId === null ? undefined : earlier.get(line.originalLineId);
        if (undone !== undefined) earlier.set(undone.id, { ...undone, returned: undone.returned - line.points });
      }
    }
    await this.write(tx, lines);
  }

  /**
   * Files lines in the cycles of their posting times. Existing lines stay unchanged. The key of a line contains its cycle, so a
   * duplicate collides if the line's own month still takes it. Any other line is looked up in all cycles: its own month cannot have
   * taken it since, because cycles only close.
   */
  async write(tx: EntityManager, lines: readonly Line[]): Promise<void> {
    if (lines.length === 0) return;
    const regular = await this.cycles.placeRegular(tx, lines);
    if (regular !== null) {
      await this.entries.insert(tx, this.filed(lines, regular));
      return;
    }
    // a month without a cycle, or closed: rare, so only then look for replays
    const known = await this.entries.existing(
      tx,
      lines.map((line) => line.id),
    );
    const fresh = lines.filter((line) => !known.has(line.id));
    await this.entries.insert(tx, this.filed(fresh, await this.cycles.place(tx, fresh)));
  }

  private filed(lines: readonly Line[], places: readonly Place[]): FiledLine[] {
    return places.flatMap((place, i): FiledLine[] => {
      const line = lines[i];
      if (line === undefined) return [];
      const reader = readerOf(line);
      return [{ ...line, ...place, reader, ownId: this.ids.ofLine(line, reader) }];
    });
  }

  ofLegs(tx: EntityManager, legs: readonly string[]): Promise<Map<string, string>> {
    return this.entries.ofLegs(tx, legs);
  }

  /** Points outstanding by issuer, over all cycles; the transaction must see all rows. */
  outstanding(tx: EntityManager): Promise<Outstanding[]> {
    return this.entries.outstanding(tx);
  }

  /** Amounts promised to persons and not converted to points, over all cycles; the transaction must see all rows. */
  owedToMembers(tx: EntityManager): Promise<Owed[]> {
    return this.entries.owedToMembers(tx);
  }
}
