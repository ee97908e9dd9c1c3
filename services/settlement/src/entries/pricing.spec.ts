import { isDomainError } from '#libs/kernel';
import { aFact, among, movement, NOTHING_EARLIER, redeemed, terms } from '../../test/facts.js';
import { lineId } from './line.js';
import type { Line } from './line.js';
import { originalLineIds, priceLines } from './pricing.js';

const short = (lines: readonly Line[]): unknown[] =>
  lines.map((line) => [line.type, line.payer, line.payee, line.points, line.priceMicro]);

const earlier = (lines: readonly Line[]) =>
  among(lines.map((line) => ({ ...line, returned: 0n, redeemerContract: line.stamps?.redeemerContract ?? null })));

describe('prices of a posting', () => {
  it('counts accruals and expiries without price: the issuer pays at redemption', () => {
    const of = (kind: 'accrual' | 'accrual_reversal' | 'expiry', points: bigint): unknown[] =>
      short(priceLines(aFact(kind, 'aurora', [movement('l1', 'aurora', points)]), NOTHING_EARLIER));
    expect(of('accrual', 100n)).toEqual([['accrual', 'brand:aurora', 'operator', 100n, 0n]]);
    expect(of('accrual_reversal', -40n)).toEqual([['accrual_reversal', 'brand:aurora', 'operator', -40n, 0n]]);
    expect(of('expiry', -60n)).toEqual([['expiry', 'brand:aurora', 'operator', 60n, 0n]]);
  });

  it('takes the reimbursement of the capture and the fee that was agreed when the points were issued', () => {
    const lot = movement('l1', 'aurora', -12n, '', { terms: terms('aurora', { operatorFeeMicro: 200_000n }) });
    const redeemerTerms = redeemed({ reimbursementMicro: 900_000n, contractVersion: 7 });
    const lines = priceLines(aFact('capture', 'crest', [lot], { redeemerTerms }), NOTHING_EARLIER);
    expect(short(lines)).toEqual([
      ['redemption', 'brand:aurora', 'brand:crest', 12n, 900_000n],
      ['fee', 'brand:aurora', 'operator', 12n, 200_000n],
    ]);
    expect(lines[0]?.stamps).toEqual({
      issuerContract: 1,
      redeemerContract: 7,
      fundingMode: 'pay_at_redemption',
      funders: [{ party: 'brand:aurora', shareBp: 10_000 }],
      campaign: null,
      earnedAt: lot.earnedAt,
      expiresAt: lot.expiresAt,
    });
  });

  it('moves no money between a brand and itself, and charges the fee only if that was agreed', () => {
    const own = (feeOnOwn: boolean): unknown[] =>
      short(
        priceLines(
          aFact('capture', 'aurora', [movement('l1', 'aurora', -12n, '', { terms: terms('aurora', { feeOnOwn }) })]),
          NOTHING_EARLIER,
        ),
      );
    expect(own(false)).toEqual([['redemption', 'brand:aurora', 'brand:aurora', 12n, 0n]]);
    expect(own(true)).toEqual([
      ['redemption', 'brand:aurora', 'brand:aurora', 12n, 0n],
      ['fee', 'brand:aurora', 'operator', 12n, 150_000n],
    ]);
  });

  it('lets the funder of a lot pay for it, whoever issued it', () => {
    const funders = [{ party: 'operator', shareBp: 10_000 }];
    const lot = movement('l1', 'aurora', -12n, '', { terms: terms('aurora', { funders }) });
    expect(short(priceLines(aFact('capture', 'crest', [lot]), NOTHING_EARLIER))).toEqual([
      ['redemption', 'operator', 'brand:crest', 12n, 900_000n],
    ]);
  });

  it('gives back at the prices of the original, whatever is agreed by then', () => {
    const capture = aFact('capture', 'crest', [movement('l1', 'aurora', -12n)]);
    const originals = priceLines(capture, NOTHING_EARLIER);
    const dearer = { terms: terms('aurora', { operatorFeeMicro: 10_000n }) };
    const back = aFact('redemption_return', 'crest', [movement('l1', 'aurora', 5n, capture.postingId, dearer)]);
    expect(originalLineIds(back)).toEqual(originals.map((line) => line.id));
    const lines = priceLines(back, earlier(originals));
    expect(short(lines)).toEqual([
      ['redemption_reversal', 'brand:aurora', 'brand:crest', -5n, 900_000n],
      ['fee_reversal', 'brand:aurora', 'operator', -5n, 150_000n],
    ]);
    expect(lines.map((line) => line.originalLineId)).toEqual(originals.map((line) => line.id));
    expect(lines[0]?.postedAt).toEqual(back.postedAt);
    expect(lines[0]?.stamps?.redeemerContract).toBe(1);
  });

  it('refuses a give-back whose original is not there', () => {
    const back = aFact('redemption_return', 'crest', [movement('l1', 'aurora', 5n, 'unknown')]);
    expect(() => priceLines(back, NOTHING_EARLIER)).toThrow('no line yet');
  });

  it('lets several funders pay for the points of a lot, each by its share and in a line of its own', () => {
    const funders = [
      { party: 'brand:aurora', shareBp: 7_000 },
      { party: 'operator', shareBp: 2_000 },
      { party: 'brand:crest', shareBp: 1_000 },
    ];
    const given = movement('l1', 'aurora', 1_001n, '', { terms: terms('aurora', { funders }) });
    expect(short(priceLines(aFact('accrual', 'aurora', [given]), NOTHING_EARLIER))).toEqual([
      ['accrual', 'brand:aurora', 'operator', 701n, 0n],
      ['accrual', 'operator', 'operator', 200n, 0n],
      ['accrual', 'brand:crest', 'operator', 100n, 0n],
    ]);
    // 700.7, 200.2, 100.1: the remaining point goes to the largest remainder; crest owes itself nothing
    const spent = aFact('capture', 'crest', [{ ...given, points: -1_001n }]);
    const lines = priceLines(spent, NOTHING_EARLIER);
    expect(short(lines)).toEqual([
      ['redemption', 'brand:aurora', 'brand:crest', 701n, 900_000n],
      ['fee', 'brand:aurora', 'operator', 701n, 150_000n],
      ['redemption', 'operator', 'brand:crest', 200n, 900_000n],
      ['redemption', 'brand:crest', 'brand:crest', 100n, 0n],
    ]);
    expect(new Set(lines.map(({ id }) => id)).size).toBe(4);
    const back = aFact('redemption_return', 'crest', [{ ...given, points: 500n, originalPostingId: spent.postingId }]);
    expect(short(priceLines(back, earlier(lines)))).toEqual([
      ['redemption_reversal', 'brand:aurora', 'brand:crest', -350n, 900_000n],
      ['fee_reversal', 'brand:aurora', 'operator', -350n, 150_000n],
      ['redemption_reversal', 'operator', 'brand:crest', -100n, 900_000n],
      ['redemption_reversal', 'brand:crest', 'brand:crest', -50n, 0n],
    ]);
  });

  it('refuses a funding mode that it cannot price', () => {
    const lot = movement('l1', 'aurora', -12n, '', { terms: terms('aurora', { fundingMode: 'sell_in' }) });
    let thrown: unknown;
    try {
      priceLines(aFact('capture', 'crest', [lot]), NOTHING_EARLIER);
    } catch (error) {
      thrown = error;
    }
    expect(isDomainError(thrown, 'funding_mode_unsupported')).toBe(true);
  });

  it('makes the same ids from the same event and different ones from different lots, types and originals', () => {
    const fact = aFact('capture', 'crest', [movement('l1', 'aurora', -12n), movement('l2', 'birch', -3n)]);
    const ids = priceLines(fact, NOTHING_EARLIER).map((line) => line.id);
    expect(priceLines(fact, NOTHING_EARLIER).map((line) => line.id)).toEqual(ids);
    expect(new Set(ids).size).toBe(4);
    expect(lineId('redemption_reversal', 'p', 'l', 'o1')).not.toBe(lineId('redemption_reversal', 'p', 'l', 'o2'));
  });

  it('makes one line of movements that name the same lot twice', () => {
    const fact = aFact('capture', 'crest', [movement('l1', 'aurora', -12n), movement('l1', 'aurora', -3n)]);
    expect(priceLines(fact, NOTHING_EARLIER)[0]?.points).toBe(15n);
  });
});
