import { canonicalJson, sha256Hex } from '#libs/kernel';
import { aFact, movement, NOTHING_EARLIER } from '../../test/facts.js';
import { priceLines } from '../entries/pricing.js';
import {
  EMPTY_TOTALS,
  fileRow,
  lineDocument,
  microToText,
  StatementFile,
  totalsDocument,
  withLine,
} from './statement.js';

const lines = priceLines(
  aFact('capture', 'crest', [movement('l1', 'aurora', -333n)], { reference: 'C "1"\u2028é', store: '' }),
  NOTHING_EARLIER,
);
const header = { cycle: '2026-03', brand: 'aurora', version: 1, currency: 'CNY', previousHash: null };

describe('a statement', () => {
  it('writes rows that are canonical JSON', () => {
    for (const line of lines) {
      const document = lineDocument(line);
      expect(StatementFile.row(document)).toBe(`${canonicalJson(document)}\n`);
    }
  });

  it('is hashed over header, rows and trailer', () => {
    const file = new StatementFile(header);
    const rows = lines.map((line) => StatementFile.row(lineDocument(line)));
    rows.forEach((row) => file.add(row));
    const totals = lines.reduce((sum, line) => withLine(sum, 'aurora', line), EMPTY_TOTALS);
    const trailer = totalsDocument(totals, -350n);
    const whole = fileRow(header) + rows.join('') + fileRow(trailer);
    expect(file.end(trailer)).toBe(`sha256:${sha256Hex(whole)}`);
  });

  it('gets another hash from any other line, header or trailer', () => {
    const hash = (over: object, points: bigint, net: bigint): string => {
      const file = new StatementFile({ ...header, ...over });
      for (const line of lines) file.add(StatementFile.row(lineDocument({ ...line, points })));
      return file.end(totalsDocument(EMPTY_TOTALS, net));
    };
    const hashes = [
      hash({}, 333n, 0n),
      hash({ previousHash: 'sha256:0' }, 333n, 0n),
      hash({}, 334n, 0n),
      hash({}, 333n, 1n),
    ];
    expect(new Set(hashes).size).toBe(4);
  });

  it('counts what a brand pays, receives and is charged, exactly', () => {
    const seenBy = (brand: string): unknown =>
      totalsDocument(
        lines.reduce((sum, line) => withLine(sum, brand, line), EMPTY_TOTALS),
        0n,
      );
    expect(seenBy('aurora')).toMatchObject({ pays: '299.70', receives: '0.00', fees: '49.95' });
    expect(seenBy('crest')).toMatchObject({ pays: '0.00', receives: '299.70', fees: '0.00' });
    expect(microToText(349_650_000n)).toBe('349.65');
    expect(microToText(1n)).toBe('0.000001');
  });
});
