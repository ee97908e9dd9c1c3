import { verdictOf } from './problem.js';

const refusal = (code: string): Error => Object.assign(new Error('refused by the database'), { code });

describe('a refusal of the database', () => {
  it('is the caller’s fault only if it concerns what the caller sent', () => {
    expect(verdictOf(refusal('22021')).code).toBe('validation_failed');
    expect(verdictOf(refusal('22003')).code).toBe('internal_error');
  });
});
