import { DEFAULT_LIMITS } from '#libs/directory';
import { isDomainError } from '#libs/kernel';
import { checkEnd, checkTerms, overlaps, priceFromMicro, priceToMicro } from './contract.js';
import type { ContractTerms } from './contract.js';

const day = (text: string): Date => new Date(`2026-${text}T00:00:00Z`);
const span = (from: string, to: string | null): { validFrom: Date; validTo: Date | null; version: number } => ({
  validFrom: day(from),
  validTo: to === null ? null : day(to),
  version: 1,
});

function terms(over: Partial<ContractTerms> = {}): ContractTerms {
  return {
    validFrom: day('01-01'),
    validTo: null,
    roles: ['issuer', 'redeemer'],
    fundingMode: 'pay_at_redemption',
    currency: 'CNY',
    cycle: 'monthly',
    feeOnOwn: false,
    latenessDays: 30,
    attests: ['phone'],
    limits: DEFAULT_LIMITS,
    accrualMicro: 1_050_000n,
    reimbursementMicro: 900_000n,
    operatorFeeMicro: 150_000n,
    faceValueMicro: 1_000_000n,
    ...over,
  };
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isDomainError(error)) return error.details.errors?.[0]?.pointer ?? error.code;
    throw error;
  }
  return 'accepted';
}

describe('prices', () => {
  it.each([
    ['0.90', 900_000n, '0.90'],
    ['1', 1_000_000n, '1.00'],
    ['0', 0n, '0.00'],
    ['0.123456', 123_456n, '0.123456'],
    ['1.050000', 1_050_000n, '1.05'],
  ])('%s is %s millionths', (text, micro, back) => {
    expect(priceToMicro(text)).toBe(micro);
    expect(priceFromMicro(micro)).toBe(back);
  });

  it.each(['-0.01', '0.1234567', '1e3', '', '.5', '0,5', ' 1', '1 ', 'NaN', '+1'])('%j is refused', (text) => {
    expect(codeOf(() => priceToMicro(text))).toBe('price_invalid');
  });
});

describe('validity', () => {
  it.each([
    [span('01-01', '02-01'), span('02-01', null), false],
    [span('01-01', '02-02'), span('02-01', null), true],
    [span('01-01', null), span('06-01', null), true],
    [span('06-01', null), span('01-01', '06-01'), false],
    [span('01-01', '12-01'), span('03-01', '04-01'), true],
  ])('%j and %j overlap: %s', (a, b, expected) => {
    expect(overlaps(a, b)).toBe(expected);
    expect(overlaps(b, a)).toBe(expected);
  });
});

describe('new terms', () => {
  const brand = { currency: 'CNY' };
  it('are accepted beside versions of other times', () => {
    expect(codeOf(() => checkTerms(terms({ validFrom: day('03-01') }), brand, [span('01-01', '03-01')]))).toBe(
      'accepted',
    );
  });

  it.each([
    ['funding_mode_unsupported', terms({ fundingMode: 'pay_at_issuance' })],
    ['/currency', terms({ currency: 'EUR' })],
    ['/validTo', terms({ validTo: day('01-01') })],
    ['/faceValue', terms({ faceValueMicro: 0n })],
    ['contract_overlap', terms({ validFrom: day('02-28') })],
  ])('are refused: %s', (expected, wrong) => {
    expect(codeOf(() => checkTerms(wrong, brand, [span('01-01', '03-01')]))).toBe(expected);
  });
});

describe('ending an open version', () => {
  const open = span('01-01', null);
  it('accepts a future time', () => expect(checkEnd(open, day('06-02'), day('06-01'))).toBe(true));
  it('does nothing if it already ends then', () =>
    expect(checkEnd(span('01-01', '06-01'), day('06-01'), day('12-01'))).toBe(false));
  it.each([
    ['/validTo', open, day('06-01'), day('06-01')],
    ['/validTo', span('09-01', null), day('08-01'), day('06-01')],
    ['contract_ended', span('01-01', '07-01'), day('08-01'), day('06-01')],
  ])('refuses %s', (expected, contract, validTo, now) => {
    expect(codeOf(() => checkEnd(contract, validTo, now))).toBe(expected);
  });
});
