import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { exactJson } from '#libs/kernel';
import { fileRow } from './statement.js';
import { StatementsService } from './statements.service.js';
import type { StatementDocument } from './statements.service.js';
import type { StatementLine } from './rows.service.js';

export type FileFormat = 'jsonl' | 'json' | 'csv';

export interface StatementDownload {
  readonly name: string;
  readonly contentType: string;
  readonly content: Readable;
}

const CSV_COLUMNS = [
  'id',
  'type',
  'originalLine',
  'day',
  'occurredAt',
  'postedAt',
  'payer',
  'payee',
  'redeemer',
  'seller',
  'store',
  'memberRef',
  'count',
  'points',
  'price',
  'amount',
  'currency',
  'reference',
  'root',
] as const satisfies (keyof StatementLine)[];

/** Quotes a field by RFC 4180. Text that a spreadsheet would run as a formula is marked as text. */
function csvField(value: string | number | bigint | null | undefined): string {
  if (value === null || value === undefined) return '';
  const text =
    typeof value === 'string' && /^[=+@\t\r-]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvRow(line: StatementLine): string {
  return `${CSV_COLUMNS.map((column) => csvField(line[column])).join(',')}\r\n`;
}

function withoutMember({ memberRef: _, ...shared }: StatementLine): Omit<StatementLine, 'memberRef'> {
  return shared;
}

/** The settlement file as a download, streamed without holding it in memory. */
@Injectable()
export class StatementFileService {
  constructor(private readonly statements: StatementsService) {}

  /** @throws DomainError `not_found` */
  async open(cycle: string, brand: string, format: FileFormat): Promise<StatementDownload> {
    const statement = await this.statements.statement(cycle, brand);
    const rows = this.rows(statement, format);
    const types = { jsonl: 'application/jsonl', json: 'application/json', csv: 'text/csv; charset=utf-8' };
    return {
      name: `${cycle}-${brand}.${format}`,
      contentType: types[format],
      content: Readable.from(rows),
    };
  }

  private rows(statement: StatementDocument, format: FileFormat): AsyncGenerator<string> {
    switch (format) {
      case 'jsonl':
        return this.jsonl(statement);
      case 'json':
        return this.json(statement);
      case 'csv':
        return this.csv(statement);
    }
  }

  /** Exactly the bytes whose SHA-256 is the statement's hash: header, lines, trailer. */
  private async *jsonl(statement: StatementDocument): AsyncGenerator<string> {
    const { cycle, brand, version, currency, previousHash, lines, pays, receives, fees, net, counterparties } =
      statement;
    yield fileRow({ cycle, brand, version, currency, previousHash });
    for await (const chunk of this.statements.allLines(cycle, brand)) {
      yield chunk.map((line) => fileRow(withoutMember(line))).join('');
    }
    yield fileRow({ lines, pays, receives, fees, net, counterparties });
  }

  private async *json(statement: StatementDocument): AsyncGenerator<string> {
    yield `{"statement":${exactJson(statement)},"lines":[`;
    let first = true;
    for await (const chunk of this.statements.allLines(statement.cycle, statement.brand)) {
      if (chunk.length === 0) continue;
      yield `${first ? '' : ','}\n${chunk.map((line) => exactJson(line)).join(',\n')}`;
      first = false;
    }
    yield '\n]}\n';
  }

  private async *csv(statement: StatementDocument): AsyncGenerator<string> {
    yield `${CSV_COLUMNS.join(',')}\r\n`;
    for await (const chunk of this.statements.allLines(statement.cycle, statement.brand)) {
      yield chunk.map(csvRow).join('');
    }
  }
}
