import { isDomainError } from '#libs/kernel';
import { checkRelease, checkSet } from './test-clock.js';

const at = (text: string): Date => new Date(text);
const real = at('2026-06-01T00:00:00Z');

function verdict(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (isDomainError(error)) return error.code;
    throw error;
  }
  return 'ok';
}

describe('test clock', () => {
  it('may first be set to any instant, even long past', () => {
    expect(verdict(() => checkSet(undefined, at('2017-01-01T00:00:00Z'), real))).toBe('ok');
  });

  it('stands still or moves forward, never back', () => {
    const state = { frozenAt: at('2026-03-02T00:00:00Z') };
    expect(verdict(() => checkSet(state, at('2026-03-02T00:00:00Z'), real))).toBe('ok');
    expect(verdict(() => checkSet(state, at('2026-03-02T00:00:00.001Z'), real))).toBe('ok');
    expect(verdict(() => checkSet(state, at('2026-03-01T23:59:59.999Z'), real))).toBe('clock_backwards');
  });

  it('continues in real time once released', () => {
    expect(verdict(() => checkSet({ frozenAt: null }, at('2026-05-31T00:00:00Z'), real))).toBe('clock_backwards');
    expect(verdict(() => checkSet({ frozenAt: null }, at('2026-06-02T00:00:00Z'), real))).toBe('ok');
  });

  it('is released only forwards', () => {
    expect(verdict(() => checkRelease({ frozenAt: at('2026-05-01T00:00:00Z') }, real))).toBe('ok');
    expect(verdict(() => checkRelease({ frozenAt: at('2026-07-01T00:00:00Z') }, real))).toBe('clock_backwards');
    expect(verdict(() => checkRelease(undefined, real))).toBe('ok');
  });
});
