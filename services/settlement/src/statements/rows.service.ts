import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Cycle } from '../cycles/cycle.js';
import { DaysService } from '../days/days.service.js';
import { ReaderIdsService } from '../ids/reader-ids.service.js';
import { LinesService } from '../lines/lines.service.js';
import type { OwnPosition } from '../lines/own-line.js';
import type { Party } from '../parties/party.js';
import { rowOfOwn, rowsOfTotals } from './statement-draft.js';
import type { LineDocument } from './statement-row.js';
import { withRow } from './statement.js';
import type { StatementTotals } from './statement.js';

/** Position of a page of a statement: it starts after a line of a day, or after a total. Totals follow the lines of their day. */
export type RowPosition = readonly [day: string, at: string, id: string];

/** Replaces the time in the position of a total. */
export const TOTAL = 'total';

/** A row on the wire. Only the reader's own lines contain its memberRef. */
export type StatementLine = LineDocument & { memberRef?: string | null };

interface Row {
  readonly line: StatementLine;
  readonly position: RowPosition;
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The rows of one brand's statement, in order. The transaction needs no more rows than the brand may see. */
@Injectable()
export class RowsService {
  private readonly idOf = (reader: Party, thing: string): string => this.ids.of(reader, thing);

  constructor(
    private readonly ids: ReaderIdsService,
    private readonly lines: LinesService,
    private readonly days: DaysService,
  ) {}

  async page(tx: EntityManager, cycle: Cycle, reader: Party, after: RowPosition | null, limit: number): Promise<Row[]> {
    const own = await this.lines.own(tx, cycle.id, reader, ownPosition(after), limit);
    const totals = rowsOfTotals(await this.days.ofReader(tx, cycle, reader), cycle.id, cycle.currency, this.idOf);
    const rows: Row[] = [
      ...own.map(({ line, memberRef }): Row => ({
        line: { ...rowOfOwn(line, this.idOf).document, memberRef },
        position: [line.day, line.postedAt.toISOString(), line.ownId],
      })),
      ...totals.map(({ document }): Row => ({ line: document, position: [document.day, TOTAL, document.id] })),
    ];
    const start = after === null ? '' : placeOf(after);
    // the database has already skipped the rows before the position, in its own order of ids
    return rows
      .map((row, i) => ({ row, place: placeOf(row.position), i }))
      .filter(({ row, place }) => row.position[1] !== TOTAL || place > start)
      .sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : a.i - b.i))
      .slice(0, limit)
      .map(({ row }) => row);
  }

  async totals(tx: EntityManager, cycle: Cycle, reader: Party): Promise<StatementTotals> {
    const own = await this.lines.ownSums(tx, cycle.id, reader);
    const start: StatementTotals = {
      count: own.count,
      points: BigInt(own.points),
      amountMicro: BigInt(own.amount),
      paysMicro: BigInt(own.pays),
      receivesMicro: BigInt(own.receives),
      feesMicro: BigInt(own.fees),
    };
    const totals = await this.days.ofReader(tx, cycle, reader);
    return rowsOfTotals(totals, cycle.id, cycle.currency, this.idOf).reduce(withRow, start);
  }
}

function ownPosition(after: RowPosition | null): OwnPosition | null {
  if (after === null) return null;
  const [day, at] = after;
  return at === TOTAL ? [day, 'infinity', LAST_ID] : after;
}

/** Sort key of rows: by day, lines before totals. */
function placeOf([day, at, id]: RowPosition): string {
  return at === TOTAL ? `${day} 1 ${id}` : `${day} 0`;
}
