import { isDomainError } from '#libs/kernel';
import { aFact, among, movement, NOTHING_EARLIER, redeemed, terms } from '../../test/facts.js';
import { lineDigest, lineId } from './line.js';
import type { Line } from './line.js';
import { originalLineIds, priceLines } from './pricing.js';

const short = (lines: readonly Line[]): unknown[] =>
  lines.map((line) => [line.type, line.payer, line.payee, line.points, line.priceMicro]);

const earlier = (lines: readonly Line[]) =>
  among(lines.map((line) => ({ ...line, redeemerContract: line.stamps?.redeemerContract ?? null })));

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

  it.each([
    ['a funding mode', { fundingMode: 'sell_in' }],
    ['several funders', { funders: [0, 1].map((n) => ({ party: `brand:${n}`, shareBp: 5_000 })) }],
  ])('refuses %s that it cannot price', (_, over) => {
    const lot = movement('l1', 'aurora', -12n, '', { terms: terms('aurora', over) });
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

describe('the digest of a line', () => {
  it('changes with every field and with the cycle', () => {
    const [line] = priceLines(aFact('capture', 'crest', [movement('l1', 'aurora', -12n)]), NOTHING_EARLIER);
    if (line?.stamps == null) throw new Error('no line');
    const other = (value: unknown): unknown => {
      if (typeof value === 'bigint') return value + 1n;
      if (typeof value === 'number') return value + 1;
      if (value instanceof Date) return new Date(value.getTime() + 1);
      if (Array.isArray(value)) return [];
      return typeof value === 'string' ? `${value}x` : 'something';
    };
    const edited: Line[] = [
      ...Object.entries(line)
        .filter(([field]) => field !== 'stamps')
        .map(([field, value]) => ({ ...line, [field]: other(value) })),
      ...Object.entries(line.stamps)
        .filter(([field]) => field !== 'campaign')
        .map(([field, value]) => ({ ...line, stamps: { ...line.stamps!, [field]: other(value) } })),
      { ...line, stamps: { ...line.stamps, campaign: 'spring' } },
    ];
    const filed = { cycle: '2026-03', day: '2026-03-02', reader: 'brand:crest', ownId: 'own' };
    const elsewhere = Object.keys(filed).map((field) => ({ ...line, ...filed, [field]: 'other' }));
    const digests = [{ ...line, ...filed }, ...elsewhere, ...edited.map((one) => ({ ...one, ...filed }))].map((one) =>
      lineDigest(one).toString('hex'),
    );
    expect(edited.length).toBeGreaterThan(25);
    expect(new Set(digests).size).toBe(digests.length);
  });
});
