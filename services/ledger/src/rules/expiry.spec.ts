import { availableFrom, expiryOf } from './expiry.js';

const shanghai = 'Asia/Shanghai';
const iso = (date: Date | null): string | undefined => date?.toISOString();

describe('when points expire', () => {
  it.each([
    // the lots of the worked settlement example
    ['2026-03-02T08:00:00+08:00', 12, 'month', '2027-03-31T15:59:59.000Z'],
    ['2026-03-03T08:00:00+08:00', 13, 'month', '2027-04-30T15:59:59.000Z'],
    ['2026-03-05T08:00:00+08:00', 9, 'month', '2026-12-31T15:59:59.000Z'],
    // 31 January in Shanghai is still the 30th in UTC
    ['2026-01-30T20:00:00Z', 1, 'day', '2026-02-28T15:59:59.000Z'],
    ['2026-03-02T08:00:00+08:00', 1, 'day', '2026-04-02T15:59:59.000Z'],
  ] as const)('rolls %s by %s months to the end of the %s: %s', (earned, months, roundTo, end) => {
    expect(iso(expiryOf({ kind: 'rolling', months, roundTo }, new Date(earned), shanghai))).toBe(end);
  });

  it('ends a fixed date with its day and supports points that never expire', () => {
    for (const at of ['2026-12-30T16:00:00Z', '2026-12-31T07:31:00Z', '2026-12-31T15:59:59Z']) {
      const fixed = { kind: 'fixed', at: new Date(at) } as const;
      expect(iso(expiryOf(fixed, new Date(0), shanghai))).toBe('2026-12-31T15:59:59.000Z');
    }
    expect(expiryOf({ kind: 'never' }, new Date(0), shanghai)).toBeNull();
  });

  it('follows the zone over a change to summer time', () => {
    const earned = new Date('2026-03-20T12:00:00Z');
    expect(iso(expiryOf({ kind: 'rolling', months: 1, roundTo: 'day' }, earned, 'Europe/Paris'))).toBe(
      '2026-04-20T21:59:59.000Z',
    );
  });
});

describe('when points can be spent', () => {
  it('is immediately, or whole local days later', () => {
    const earned = new Date('2026-03-28T12:00:00Z');
    expect(availableFrom(0, earned, shanghai)).toBeNull();
    expect(iso(availableFrom(7, earned, shanghai))).toBe('2026-04-04T12:00:00.000Z');
    expect(iso(availableFrom(1, earned, 'Europe/Paris'))).toBe('2026-03-29T11:00:00.000Z');
  });
});
