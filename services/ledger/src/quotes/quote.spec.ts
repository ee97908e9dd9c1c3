import { isDomainError } from '#libs/kernel';

import { quoteTerms } from './quote.js';

const prices = { faceValue: '1.00', reimbursementPrice: '0.90' };

describe('a quote', () => {
  it('prices the worked example', () => {
    expect(quoteTerms(12_000n, 26_800n, prices)).toEqual({ value: 12_000n, reimbursement: '10800.00' });
  });

  it('rounds the value half away from zero and leaves the reimbursement exact', () => {
    const odd = { faceValue: '0.5', reimbursementPrice: '0.333' };
    expect(quoteTerms(3n, 2n, odd)).toEqual({ value: 2n, reimbursement: '0.999' });
  });

  it('may take the whole basket but not more', () => {
    expect(quoteTerms(100n, 100n, prices).value).toBe(100n);
    let thrown: unknown;
    try {
      quoteTerms(101n, 100n, prices);
    } catch (error) {
      thrown = error;
    }
    expect(isDomainError(thrown, 'points_exceed_basket')).toBe(true);
  });
});
