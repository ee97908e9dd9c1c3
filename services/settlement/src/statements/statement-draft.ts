import { amountOf } from '../entries/line.js';
import type { FiledLine } from '../entries/line.js';
import { originalKey } from '../entries/reading.js';
import type { DayTotal } from '../days/day-total.js';
import type { OwnLine } from '../lines/own-line.js';
import type { Party } from '../parties/party.js';
import { ownRow, totalRow } from './statement-row.js';
import type { StatementRow } from './statement-row.js';
import { EMPTY_TOTALS, StatementFile, trailerDocument, withRow } from './statement.js';
import type { Counterparty, FrozenStatement, StatementHeader, StatementTotals } from './statement.js';

export type IdOf = (reader: Party, thing: string) => string;

export function totalId(
  { reader, day, type, payer, redeemer, asset, priceMicro }: DayTotal,
  cycle: string,
  idOf: IdOf,
): string {
  return idOf(reader, ['total', cycle, day, type, payer, redeemer ?? '', asset ?? '', priceMicro].join('|'));
}

/** The row of a line that the reader reads in full. */
export function rowOfOwn(line: OwnLine, idOf: IdOf): StatementRow {
  const original = originalKey(line, line.reader);
  return ownRow(line, original === null ? null : idOf(line.reader, original));
}

/** Rows of totals in order; they follow the reader's own lines of their day. */
export function rowsOfTotals(totals: readonly DayTotal[], cycle: string, currency: string, idOf: IdOf): StatementRow[] {
  return totals
    .map((total) => totalRow(total, totalId(total, cycle, idOf), currency))
    .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

function placeOf({ document: { day, id } }: StatementRow): string {
  return `${day} ${id}`;
}

/** Builds a statement from the lines of a cycle in order, day by day, with the totals of each day at its end. */
export class StatementDraft {
  private readonly file: StatementFile;
  private totals: StatementTotals = EMPTY_TOTALS;
  /** Lots of one posting are consecutive and make one row. */
  private pending: OwnLine | null = null;

  constructor(
    private readonly header: StatementHeader,
    private readonly idOf: IdOf,
  ) {
    this.file = new StatementFile(header);
  }

  addOwn(line: OwnLine): void {
    this.flush();
    this.pending = line;
  }

  /** Adds a line of one lot; the reader reads it together with the other lots of its posting. */
  addLot(line: FiledLine, reader: Party): void {
    const amountMicro = amountOf(line);
    if (this.pending?.ownId === line.ownId) {
      const { points, amountMicro: amount } = this.pending;
      this.pending = { ...this.pending, points: points + line.points, amountMicro: amount + amountMicro };
      return;
    }
    this.flush();
    this.pending = { ...line, reader, amountMicro };
  }

  endDay(totals: readonly DayTotal[]): void {
    this.flush();
    const { cycle, currency } = this.header;
    rowsOfTotals(totals, cycle, currency, this.idOf).forEach((row) => this.add(row));
  }

  /** Completes the statement with figures from elsewhere: its net and its sums by counterparty. */
  finish(net: bigint, counterparties: readonly Counterparty[]): FrozenStatement {
    const { header, totals } = this;
    return { header, totals, net, hash: this.file.end(trailerDocument(totals, net, counterparties)) };
  }

  private flush(): void {
    if (this.pending !== null) this.add(rowOfOwn(this.pending, this.idOf));
    this.pending = null;
  }

  private add(row: StatementRow): void {
    this.file.add(row.document);
    this.totals = withRow(this.totals, row);
  }
}
