import { IsOneOf } from '#libs/http';

export class FileQuery {
  @IsOneOf(['jsonl', 'json', 'csv'], { optional: true })
  format?: 'jsonl' | 'json' | 'csv';
}

export const STATEMENT_EXAMPLE = {
  cycle: '2026-03',
  brand: 'aurora',
  version: 1,
  currency: 'CNY',
  status: 'closed',
  lines: { count: 7, points: 30500, amount: '14175.00' },
  pays: '9000.00',
  receives: '3150.00',
  fees: '1500.00',
  net: -7350,
  hash: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  previousHash: null,
};

export const LINES_EXAMPLE = {
  data: [
    {
      id: 'ln_5D9XJZ0Q1W8T6V3M2K4N7P8R1S',
      type: 'redemption',
      originalLine: null,
      occurredAt: '2026-03-20T04:00:00Z',
      postedAt: '2026-03-20T04:00:00Z',
      payer: 'aurora',
      payee: 'crest',
      issuer: 'aurora',
      redeemer: 'crest',
      store: 'C-014',
      points: 100,
      price: '0.90',
      amount: '90.00',
      currency: 'CNY',
      reference: 'C-881',
      memberRef: 'mb_01JQ8Z5W7N4X2V9T3R6P1M8K5H',
    },
  ],
  page: { after: null, more: false },
};
