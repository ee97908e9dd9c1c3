import { DateTime } from 'luxon';

/** Where the alliance's days, months and expiries begin and end unless it says otherwise. */
export const DEFAULT_ZONE = 'Asia/Shanghai';

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](\d{2}):(\d{2}))$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads RFC 3339 with an offset; null for anything else, so also for a time without one. Checked by hand, since every
 * order is read this way, and `Date.parse` alone takes the 30th of February for a day in March.
 */
export function parseInstant(text: string): Date | null {
  const parts = INSTANT.exec(text);
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (day < 1 || day > (DAYS[month - 1] ?? 0) + leap || hour > 23 || minute > 59 || second > 59) return null;
  if (Number(parts[7] ?? 0) > 23 || Number(parts[8] ?? 0) > 59) return null;
  return new Date(Date.parse(text));
}

/** RFC 3339 in UTC; fractions of a second only where there are some. */
export function formatInstant(instant: Date): string {
  return instant.toISOString().replace('.000Z', 'Z');
}

/** `2026-03`: the month an instant falls in, in the zone. */
export function monthKey(instant: Date, zone: string): string {
  return DateTime.fromJSDate(instant, { zone }).toFormat('yyyy-MM');
}

/** `2026-03-02`: the day an instant falls in, in the zone. */
export function dayKey(instant: Date, zone: string): string {
  return DateTime.fromJSDate(instant, { zone }).toFormat('yyyy-MM-dd');
}

/** First instant of a month (`2026-03`) and first instant after it. */
export function monthBounds(month: string, zone: string): { from: Date; to: Date } {
  const from = DateTime.fromFormat(month, 'yyyy-MM', { zone });
  return { from: from.toJSDate(), to: from.plus({ months: 1 }).toJSDate() };
}

/** Calendar months later at the same local time; the last day of a shorter month where needed. */
export function addMonths(instant: Date, months: number, zone: string): Date {
  return DateTime.fromJSDate(instant, { zone }).plus({ months }).toJSDate();
}

/** Calendar days later at the same local time. */
export function addDays(instant: Date, days: number, zone: string): Date {
  return DateTime.fromJSDate(instant, { zone }).plus({ days }).toJSDate();
}

/** The last second of the month, local 23:59:59: what a member reads as "until the end of the month". */
export function endOfMonth(instant: Date, zone: string): Date {
  return DateTime.fromJSDate(instant, { zone }).endOf('month').startOf('second').toJSDate();
}

/** The last second of the day, local 23:59:59. */
export function endOfDay(instant: Date, zone: string): Date {
  return DateTime.fromJSDate(instant, { zone }).endOf('day').startOf('second').toJSDate();
}
