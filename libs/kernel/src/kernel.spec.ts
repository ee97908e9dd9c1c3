import {
  AllianceClock,
  canonicalJson,
  exactJson,
  parseExactJson,
  decodeCursor,
  DomainError,
  encodeCursor,
  ERROR_CATALOGUE,
  fail,
  isDomainError,
  pageOf,
  pointsToJson,
  requestHash,
} from './index.js';

describe('AllianceClock', () => {
  it('stands still when set and runs again when released', () => {
    const clock = new AllianceClock();
    const seen: (Date | null)[] = [];
    const stop = clock.onChange((at) => seen.push(at));
    const instant = new Date('2026-03-02T00:00:00Z');
    clock.set(instant);
    expect(clock.now()).toEqual(instant);
    expect(clock.frozenAt).toEqual(instant);
    clock.set(null);
    expect(Math.abs(clock.now().getTime() - Date.now())).toBeLessThan(1000);
    stop();
    clock.set(instant);
    expect(seen).toEqual([instant, null]);
  });
});

describe('errors', () => {
  it('are recognised by their mark, even if another copy of the class created them', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('hezong.DomainError')]: true, code: 'not_found' });
    expect(isDomainError(foreign)).toBe(true);
    expect(isDomainError(foreign, 'quote_expired')).toBe(false);
    expect(isDomainError(new Error('x'))).toBe(false);
    expect(isDomainError(null)).toBe(false);
  });

  it('carry the status of the catalogue', () => {
    const error = new DomainError('points_insufficient', { extra: { limit: 5 } });
    expect(error.status).toBe(422);
    expect(error.retryable).toBe(false);
    expect(() => fail('quote_expired')).toThrow(expect.objectContaining({ code: 'quote_expired', status: 410 }));
  });

  it('never report an unknown outcome as a final failure', () => {
    expect(ERROR_CATALOGUE.outcome_unknown).toMatchObject({ status: 503, retryable: true });
  });

  it('have codes in snake case and a remedy each', () => {
    for (const [code, entry] of Object.entries(ERROR_CATALOGUE)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(entry.remedy).not.toBe('');
    }
  });
});

describe('points on the wire', () => {
  it('accept the maximum and refuse one more', () => {
    expect(pointsToJson(9007199254740991n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => pointsToJson(9007199254740992n)).toThrow(expect.objectContaining({ code: 'amount_out_of_range' }));
  });
});

describe('canonicalJson', () => {
  it('ignores the order of keys and nothing else', () => {
    expect(canonicalJson({ b: 1, a: [{ d: 2n, c: undefined }] })).toBe('{"a":[{"d":2}],"b":1}');
    expect(requestHash({ a: 1, b: 2 })).toEqual(requestHash({ b: 2, a: 1 }));
    expect(requestHash({ a: [1, 2] })).not.toEqual(requestHash({ a: [2, 1] }));
    expect(requestHash({})).toHaveLength(16);
  });
});

describe('paging', () => {
  it('cuts a page and returns where the next begins', () => {
    const page = pageOf([{ n: 1 }, { n: 2 }, { n: 3 }], 2, (row) => [row.n]);
    expect(page.data).toEqual([{ n: 1 }, { n: 2 }]);
    expect(page.page.more).toBe(true);
    expect(decodeCursor(page.page.after ?? '', 1)).toEqual([2]);
    expect(pageOf([{ n: 1 }], 2, (row) => [row.n]).page).toEqual({ after: null, more: false });
  });

  it.each(['', 'x', encodeCursor(['a', 'b']), Buffer.from('{"a":1}').toString('base64url')])(
    'refuses the cursor %j',
    (cursor) => {
      expect(() => decodeCursor(cursor, 1)).toThrow(expect.objectContaining({ code: 'cursor_invalid' }));
    },
  );
});

describe('exactJson', () => {
  it('writes and reads integers of any size, and everything else unchanged', () => {
    const large = 2n ** 80n;
    const value = { a: large, b: [-large, 1, '12345678901234567890', 'say "1234567890123456789"'], c: 1.5, d: null };
    const text = exactJson(value);
    expect(text).toBe(
      `{"a":${large},"b":[-${large},1,"12345678901234567890","say \\"1234567890123456789\\""],"c":1.5,"d":null}`,
    );
    expect(parseExactJson(text)).toEqual(value);
    expect(parseExactJson('[9007199254740991,9007199254740993,1e300,1234567890123456.5]')).toEqual([
      9_007_199_254_740_991,
      9_007_199_254_740_993n,
      1e300,
      1234567890123456.5,
    ]);
  });
});
