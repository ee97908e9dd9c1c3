import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { FiledLine } from '../entries/line.js';
import type { Party } from '../parties/party.js';
import { LinesRepository } from './lines.repository.js';
import type { OwnLine, OwnPosition, OwnSums, StoredLine } from './own-line.js';

/** The lines of cycles, for statements and totals. */
@Injectable()
export class LinesService {
  constructor(private readonly lines: LinesRepository) {}

  /** Lines of a cycle that a party reads in full, by recording and posting, with the party's own memberRef. */
  own(
    tx: EntityManager,
    cycle: string,
    reader: Party,
    after: OwnPosition | null,
    limit: number,
  ): Promise<{ line: OwnLine; memberRef: string | null }[]> {
    return this.lines.own(tx, cycle, reader, after, limit);
  }

  /** All lines of a cycle that a party reads in full, in the same order, in chunks. */
  allOwn(tx: EntityManager, cycle: string, reader: Party): AsyncGenerator<OwnLine[]> {
    return this.lines.allOwn(tx, cycle, reader);
  }

  /** Sums over the lines that a party reads in full. */
  ownSums(tx: EntityManager, cycle: string, reader: Party): Promise<OwnSums> {
    return this.lines.ownSums(tx, cycle, reader);
  }

  /** Lines of the days between two others that a party pays, is paid for or issued without reading them in full, in chunks. */
  concerning(
    tx: EntityManager,
    cycle: string,
    party: Party,
    days: { after: string | null; before: string },
  ): AsyncGenerator<FiledLine[]> {
    return this.lines.concerning(tx, cycle, party, days);
  }

  /** All lines of a cycle or of one of its days, by recording, posting and own id, in chunks. */
  all(tx: EntityManager, cycle: string, day: string | null = null): AsyncGenerator<StoredLine[]> {
    return this.lines.all(tx, cycle, day);
  }
}
