import { isDomainError } from '#libs/kernel';
import { aFact, aPriceBook, movement, terms } from '../../test/facts.js';
import { lineId } from './line.js';
import { originalLineIds, priceLines } from './pricing.js';

const short = (lines: ReturnType<typeof priceLines>): unknown[] =>
  lines.map((line) => [line.type, line.payer, line.payee, line.points, line.priceMicro]);

describe('prices of a posting', () => {
  it('counts accruals and expiries without price: the issuer pays at redemption', () => {
    const book = aPriceBook({});
    expect(short(priceLines(aFact('accrual', 'aurora', [movement('l1', 'aurora', 100n)]), book))).toEqual([
      ['accrual', 'aurora', 'operator', 100n, 0n],
    ]);
    expect(short(priceLines(aFact('accrual_reversal', 'aurora', [movement('l1', 'aurora', -40n)]), book))).toEqual([
      ['accrual_reversal', 'aurora', 'operator', -40n, 0n],
    ]);
    expect(short(priceLines(aFact('expiry', '', [movement('l1', 'aurora', -60n)]), book))).toEqual([
      ['expiry', 'aurora', 'operator', 60n, 0n],
    ]);
  });

  it('takes the reimbursement from the redeemer and the fee from the issuer', () => {
    const book = aPriceBook({
      aurora: terms({ reimbursementMicro: 700_000n, operatorFeeMicro: 200_000n }),
      crest: terms({ reimbursementMicro: 900_000n, operatorFeeMicro: 100_000n }),
    });
    const lines = priceLines(aFact('capture', 'crest', [movement('l1', 'aurora', -12n)]), book);
    expect(short(lines)).toEqual([
      ['redemption', 'aurora', 'crest', 12n, 900_000n],
      ['fee', 'aurora', 'operator', 12n, 200_000n],
    ]);
  });

  it('lets a quoted reimbursement win over the contract', () => {
    const fact = { ...aFact('capture', 'crest', [movement('l1', 'aurora', -12n)]), quotedReimbursementMicro: 850_000n };
    expect(priceLines(fact, aPriceBook({}))[0]?.priceMicro).toBe(850_000n);
  });

  it('moves no money between a brand and itself, and charges the fee only if the contract says so', () => {
    const fact = aFact('capture', 'aurora', [movement('l1', 'aurora', -12n)]);
    expect(short(priceLines({ ...fact, quotedReimbursementMicro: 850_000n }, aPriceBook({})))).toEqual([
      ['redemption', 'aurora', 'aurora', 12n, 0n],
    ]);
    expect(short(priceLines(fact, aPriceBook({ aurora: terms({ feeOnOwn: true }) })))).toEqual([
      ['redemption', 'aurora', 'aurora', 12n, 0n],
      ['fee', 'aurora', 'operator', 12n, 150_000n],
    ]);
  });

  it('gives back at the prices of the original, whatever the contract says by then', () => {
    const capture = aFact('capture', 'crest', [movement('l1', 'aurora', -12n)]);
    const originals = priceLines(capture, aPriceBook({}));
    const back = aFact('redemption_return', 'crest', [movement('l1', 'aurora', 5n, capture.postingId)]);
    const dearer = terms({ reimbursementMicro: 990_000n, operatorFeeMicro: 10_000n });
    const book = aPriceBook({ aurora: dearer, crest: dearer }, originals);
    expect(originalLineIds(back)).toEqual(originals.map((line) => line.id));
    const lines = priceLines(back, book);
    expect(short(lines)).toEqual([
      ['redemption_reversal', 'aurora', 'crest', -5n, 900_000n],
      ['fee_reversal', 'aurora', 'operator', -5n, 150_000n],
    ]);
    expect(lines.map((line) => line.originalLineId)).toEqual(originals.map((line) => line.id));
    expect(lines[0]?.postedAt).toEqual(back.postedAt);
  });

  it('refuses a give-back whose original is not there yet, so that it is tried again', () => {
    const back = aFact('redemption_return', 'crest', [movement('l1', 'aurora', 5n, 'unknown')]);
    expect(() => priceLines(back, aPriceBook({}))).toThrow('no line yet');
  });

  it('refuses a funding mode it cannot price', () => {
    const fact = aFact('capture', 'crest', [movement('l1', 'aurora', -12n)]);
    const book = aPriceBook({ aurora: terms({ fundingMode: 'sell_in' }) });
    let thrown: unknown;
    try {
      priceLines(fact, book);
    } catch (error) {
      thrown = error;
    }
    expect(isDomainError(thrown, 'funding_mode_unsupported')).toBe(true);
  });

  it('makes the same ids from the same event and different ones from different lots, types and originals', () => {
    const fact = aFact('capture', 'crest', [movement('l1', 'aurora', -12n), movement('l2', 'birch', -3n)]);
    const ids = priceLines(fact, aPriceBook({})).map((line) => line.id);
    expect(priceLines(fact, aPriceBook({})).map((line) => line.id)).toEqual(ids);
    expect(new Set(ids).size).toBe(4);
    expect(lineId('redemption_reversal', 'p', 'l', 'o1')).not.toBe(lineId('redemption_reversal', 'p', 'l', 'o2'));
  });

  it('makes one line of movements that name the same lot twice', () => {
    const fact = aFact('capture', 'crest', [movement('l1', 'aurora', -12n), movement('l1', 'aurora', -3n)]);
    expect(priceLines(fact, aPriceBook({}))[0]?.points).toBe(15n);
  });
});
