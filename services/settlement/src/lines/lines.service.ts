import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { FiledLine } from '../entries/line.js';
import type { Party } from '../parties/party.js';
import { LinesRepository } from './lines.repository.js';
import type { OwnLine, OwnPosition, OwnSums, StoredLine } from './own-line.js';

/** The lines of cycles, for whoever makes statements and totals of them. */
@Injectable()
export class LinesService {
  constructor(private readonly lines: LinesRepository) {}

  /** What a party reads in full of a cycle, in order of recording and posting, with the party's own memberRef. */
  own(
    tx: EntityManager,
    cycle: string,
    reader: Party,
    after: OwnPosition | null,
    limit: number,
  ): Promise<{ line: OwnLine; memberRef: string | null }[]> {
    return this.lines.own(tx, cycle, reader, after, limit);
  }

  /** All that a party reads in full of a cycle, in the same order, a chunk at a time. */
  allOwn(tx: EntityManager, cycle: string, reader: Party): AsyncGenerator<OwnLine[]> {
    return this.lines.allOwn(tx, cycle, reader);
  }

  /** Sums over what a party reads in full. */
  ownSums(tx: EntityManager, cycle: string, reader: Party): Promise<OwnSums> {
    return this.lines.ownSums(tx, cycle, reader);
  }

  /** Lines of the days after one and before another that a party pays, is paid for or issued without reading them in full, a chunk at a time. */
  concerning(
    tx: EntityManager,
    cycle: string,
    party: Party,
    days: { after: string | null; before: string },
  ): AsyncGenerator<FiledLine[]> {
    return this.lines.concerning(tx, cycle, party, days);
  }

  /** All lines of a cycle, or of one of its days, in order of recording, posting and own id, a chunk at a time. */
  all(tx: EntityManager, cycle: string, day: string | null = null): AsyncGenerator<StoredLine[]> {
    return this.lines.all(tx, cycle, day);
  }

  /** Lines of a cycle that lie in another one as well. */
  doubles(tx: EntityManager, cycle: string): Promise<{ id: string; cycle: string }[]> {
    return this.lines.doubles(tx, cycle);
  }
}
