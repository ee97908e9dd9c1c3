import { DateTime } from 'luxon';
import { addMonths, dayKey, endOfMonth, formatInstant, monthBounds, monthKey, parseInstant } from './calendar.js';

const SHANGHAI = 'Asia/Shanghai';

describe('calendar', () => {
  it.each(['2026-03-02T08:00:00+08:00', '2026-03-02T00:00:00Z', '2026-03-02T00:00:00.123456Z'])('reads %s', (text) => {
    expect(parseInstant(text)).not.toBeNull();
  });

  it.each(['2026-03-02T08:00:00', '2026-03-02', '2026-02-30T00:00:00Z', '2026-03-02 08:00:00Z', 'now', ''])(
    'refuses %j',
    (text) => {
      expect(parseInstant(text)).toBeNull();
    },
  );

  it.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'])('reads %s, at the limit of the range', (text) => {
    expect(parseInstant(text)?.toISOString().slice(0, 10)).toBe(text.slice(0, 10));
  });

  it.each(['9999-12-31T23:59:59-08:00', '0001-01-01T00:00:00+08:00', '0000-06-01T00:00:00Z'])(
    'refuses %s: in UTC it has no four-digit year, which databases and events require',
    (text) => {
      expect(parseInstant(text)).toBeNull();
    },
  );

  it('puts the last evening of a month in UTC into the next month in Shanghai', () => {
    const instant = new Date('2026-03-31T16:30:00Z');
    expect(monthKey(instant, SHANGHAI)).toBe('2026-04');
    expect(monthKey(instant, 'UTC')).toBe('2026-03');
    expect(dayKey(instant, SHANGHAI)).toBe('2026-04-01');
  });

  it('gives a month its bounds', () => {
    const { from, to } = monthBounds('2026-02', SHANGHAI);
    expect(formatInstant(from)).toBe('2026-01-31T16:00:00Z');
    expect(formatInstant(to)).toBe('2026-02-28T16:00:00Z');
  });

  it('adds months without passing the end of a shorter month', () => {
    expect(formatInstant(addMonths(new Date('2027-02-28T16:30:00Z'), 12, SHANGHAI))).toBe('2028-02-29T16:30:00Z');
    expect(formatInstant(addMonths(new Date('2028-02-29T04:00:00Z'), 12, SHANGHAI))).toBe('2029-02-28T04:00:00Z');
  });

  it('ends a month in its last second, local time', () => {
    expect(formatInstant(endOfMonth(new Date('2026-12-05T00:00:00Z'), SHANGHAI))).toBe('2026-12-31T15:59:59Z');
  });

  it('supports a zone with daylight saving', () => {
    const { from, to } = monthBounds('2026-03', 'Europe/Berlin');
    expect(to.getTime() - from.getTime()).toBe((31 * 24 - 1) * 3_600_000);
  });

  it.each([
    'Asia/Shanghai',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
  ])('agrees with the time zone library at every time of %s, also around its clock changes', (zone) => {
    // every 7 h 13 min of two years: all hours, days and offset changes; Apia skipped a day in 2011
    for (let ms = Date.UTC(2011, 0, 1); ms < Date.UTC(2013, 0, 1); ms += 433 * 60_000) {
      const instant = new Date(ms);
      const there = DateTime.fromMillis(ms, { zone });
      const months = (Math.abs(ms) / 60_000) % 49;
      expect([dayKey(instant, zone), monthKey(instant, zone)]).toEqual([
        there.toFormat('yyyy-MM-dd'),
        there.toFormat('yyyy-MM'),
      ]);
      expect(addMonths(instant, months, zone).getTime()).toBe(there.plus({ months }).toMillis());
      expect(endOfMonth(instant, zone).getTime()).toBe(there.endOf('month').startOf('second').toMillis());
    }
  });
});
