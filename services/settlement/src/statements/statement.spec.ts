import { canonicalJson, sha256Hex } from '#libs/kernel';
import { brandParty } from '../parties/party.js';
import { microToText } from './money.js';
import { counterpartiesOf, EMPTY_TOTALS, fileRow, StatementFile, trailerDocument, withRow } from './statement.js';
import { ownRow, totalRow } from './statement-row.js';
import type { LineDocument, StatementRow } from './statement-row.js';

const AT = new Date('2026-03-02T00:00:00Z');
const ID = '0195b0f0-0000-8000-8000-00000000000a';
const header = { cycle: '2026-03', brand: 'aurora', version: 1, currency: 'CNY', previousHash: null };

const capture = (payer: string): StatementRow =>
  ownRow(
    {
      reader: 'brand:crest',
      day: '2026-03-02',
      ownId: ID,
      type: 'redemption',
      originalLineId: null,
      originalPostingId: null,
      occurredAt: AT,
      postedAt: AT,
      payer,
      payee: 'brand:crest',
      redeemer: 'brand:crest',
      store: 'C-1',
      points: 333n,
      priceMicro: 900_000n,
      amountMicro: 299_700_000n,
      currency: 'CNY',
      reference: 'C "1"\u2028é',
    },
    null,
  );
const total = (type: 'redemption' | 'fee', priceMicro: bigint): StatementRow =>
  totalRow(
    {
      day: '2026-03-02',
      reader: 'brand:aurora',
      type,
      payer: 'brand:aurora',
      redeemer: 'brand:crest',
      asset: 'PTS',
      priceMicro,
      legs: 2n,
      points: 333n,
      amountMicro: 333n * priceMicro,
      root: `sha256:${'0'.repeat(64)}`,
    },
    ID,
    'CNY',
  );
const rows = [capture('brand:aurora'), total('redemption', 900_000n), total('fee', 150_000n)];

const hashOf = (over: object, documents: readonly LineDocument[], net: bigint): string => {
  const file = new StatementFile({ ...header, ...over });
  documents.forEach((document) => file.add(document));
  return file.end(trailerDocument(EMPTY_TOTALS, net, []));
};

describe('a statement', () => {
  it('is hashed over header, rows and trailer, all of them canonical JSON', () => {
    const documents = rows.map(({ document }) => document);
    const parts = [header, ...documents, trailerDocument(EMPTY_TOTALS, -350n, [])];
    expect(fileRow(header)).toBe(`${canonicalJson(header)}\n`);
    expect(hashOf({}, documents, -350n)).toBe(
      `sha256:${sha256Hex(parts.map((part) => `${canonicalJson(part)}\n`).join(''))}`,
    );
  });

  it('gets another hash from any other line, header or trailer', () => {
    const [row] = rows as [StatementRow];
    const hashes = [
      hashOf({}, [row.document], 0n),
      hashOf({ previousHash: 'sha256:0' }, [row.document], 0n),
      hashOf({}, [{ ...row.document, points: 334 }], 0n),
      hashOf({}, [row.document], 1n),
    ];
    expect(new Set(hashes).size).toBe(4);
  });

  it('counts what a brand pays, receives and is charged, exactly', () => {
    const comeTo = (of: readonly StatementRow[]): unknown => trailerDocument(of.reduce(withRow, EMPTY_TOTALS), 0n, []);
    expect(comeTo(rows.slice(1))).toMatchObject({
      lines: { count: 2 },
      pays: '299.70',
      receives: '0.00',
      fees: '49.95',
    });
    expect(comeTo(rows.slice(0, 1))).toMatchObject({ pays: '0.00', receives: '299.70', fees: '0.00' });
    expect(microToText(349_650_000n)).toBe('349.65');
    expect(microToText(1n)).toBe('0.000001');
  });

  it('names no other brand in a line, and in a total none but the redeemer', () => {
    for (const payer of ['brand:aurora', 'operator']) {
      expect(capture(payer).document).toMatchObject({ payer: 'alliance', payee: 'crest' });
    }
    expect(capture('brand:crest').document.payer).toBe('crest');
    expect(total('redemption', 900_000n).document).toMatchObject({
      payer: 'aurora',
      payee: 'alliance',
      redeemer: 'crest',
    });
    expect(total('fee', 150_000n).document).toMatchObject({ payer: 'aurora', payee: 'operator', redeemer: 'crest' });
  });

  it('says by counterparty what is paid and received, fees apart', () => {
    const group = { asset: 'PTS', priceMicro: 900_000n, kind: 'reimbursement' as const };
    const [aurora, crest] = ['aurora', 'crest'].map(brandParty) as [string, string];
    const groups = [
      { ...group, payer: aurora, payee: crest, points: 10_000n, amountMicro: 9_000_000_000n },
      { ...group, payer: aurora, payee: crest, priceMicro: 1n, points: 1n, amountMicro: 1n },
      { ...group, payer: crest, payee: aurora, points: 500n, amountMicro: 450_000_000n },
      { ...group, payer: aurora, payee: 'operator', kind: 'fee' as const, points: 10_000n, amountMicro: 1n },
      { ...group, payer: aurora, payee: aurora, points: 5n, amountMicro: 0n },
    ];
    expect(counterpartiesOf(aurora, groups)).toEqual([
      { brand: 'crest', direction: 'pays', kind: 'reimbursement', points: 10_001, amount: '9000.000001' },
      { brand: 'crest', direction: 'receives', kind: 'reimbursement', points: 500, amount: '450.00' },
    ]);
  });
});
