import { DateTime } from 'luxon';
import { fail } from './errors.js';

/** Default time zone of the alliance's days, months and expiries. */
export const DEFAULT_ZONE = 'Asia/Shanghai';

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](\d{2}):(\d{2}))$/;
/** Range of protobuf timestamps; PostgreSQL reads no ISO text of other years. An offset can move a four-digit year out of it. */
const FIRST = new Date('0001-01-01T00:00:00Z');
const LAST = new Date('9999-12-31T23:59:59.999Z');
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads RFC 3339 with an offset; null for anything else, including a time without an offset and years before 1 or after 9999 in UTC.
 * Checked by hand, because it is called for every order, and because `Date.parse` reads the 30th of February as a day in March.
 */
export function parseInstant(text: string): Date | null {
  const parts = INSTANT.exec(text);
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (day < 1 || day > (DAYS[month - 1] ?? 0) + leap || hour > 23 || minute > 59 || second > 59) return null;
  if (Number(parts[7] ?? 0) > 23 || Number(parts[8] ?? 0) > 59) return null;
  const instant = new Date(Date.parse(text));
  return instant < FIRST || instant > LAST ? null : instant;
}

/** The instant in a field that was validated as one. @throws DomainError `validation_failed` if it was not */
export function instantFrom(text: string): Date {
  return parseInstant(text) ?? fail('validation_failed');
}

/** Like `instantFrom`, for an optional field: null if absent. */
export function instantOrNull(text: string | null | undefined): Date | null {
  return text === undefined || text === null ? null : instantFrom(text);
}

/** RFC 3339 in UTC; with fractions of a second only if they are not zero. */
export function formatInstant(instant: Date): string {
  return instant.toISOString().replace('.000Z', 'Z');
}

const DAY = 86_400_000;
const QUARTER = 15 * 60_000;
const REMEMBERED = 20_000;
const offsets = new Map<string, Map<number, number>>();

/**
 * Milliseconds by which local time is ahead of UTC. Zones change their offset only on whole quarters of an hour, so one result is cached
 * per quarter; asking the time zone database for every order took longer than all other work on it.
 */
function offsetAt(ms: number, zone: string): number {
  const known = offsets.get(zone) ?? new Map<number, number>();
  if (known.size === 0) offsets.set(zone, known);
  const quarter = Math.floor(ms / QUARTER);
  let offset = known.get(quarter);
  if (offset === undefined) {
    if (known.size >= REMEMBERED) known.clear();
    offset = DateTime.fromMillis(quarter * QUARTER, { zone }).offset * 60_000;
    known.set(quarter, offset);
  }
  return offset;
}

/** Local wall time, as a Date whose UTC fields hold it. */
function local(instant: Date, zone: string): Date {
  return new Date(instant.getTime() + offsetAt(instant.getTime(), zone));
}

/** `2026-03`: the month of an instant in the zone. */
export function monthKey(instant: Date, zone: string): string {
  return dayKey(instant, zone).slice(0, 7);
}

/** `2026-03-02`: the day of an instant in the zone. */
export function dayKey(instant: Date, zone: string): string {
  return local(instant, zone).toISOString().slice(0, 10);
}

/** First instant of a month (`2026-03`) and first instant after it. */
export function monthBounds(month: string, zone: string): { from: Date; to: Date } {
  const from = DateTime.fromFormat(month, 'yyyy-MM', { zone });
  return { from: from.toJSDate(), to: from.plus({ months: 1 }).toJSDate() };
}

/** First instant of the day that contains an instant, and first instant after it. */
export function dayBounds(instant: Date, zone: string): { from: Date; to: Date } {
  const from = DateTime.fromJSDate(instant, { zone }).startOf('day');
  return { from: from.toJSDate(), to: from.plus({ days: 1 }).toJSDate() };
}

/** Calendar months later at the same local time; in a shorter month its last day if needed. */
export function addMonths(instant: Date, months: number, zone: string): Date {
  const at = local(instant, zone);
  const first = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, 1);
  const days = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months + 1, 0)).getUTCDate();
  const wall = first + (Math.min(at.getUTCDate(), days) - 1) * DAY + (((at.getTime() % DAY) + DAY) % DAY);
  const offset = offsetAt(wall - offsetAt(instant.getTime(), zone), zone);
  // near an offset change a local time may be missing or occur twice: the time zone library handles that
  const plain = [-1, 0, 1].every((day) => offsetAt(wall - offset + day * DAY, zone) === offset);
  return plain ? new Date(wall - offset) : DateTime.fromJSDate(instant, { zone }).plus({ months }).toJSDate();
}

/** Calendar days later at the same local time. */
export function addDays(instant: Date, days: number, zone: string): Date {
  return DateTime.fromJSDate(instant, { zone }).plus({ days }).toJSDate();
}

const monthEnds = new Map<string, number>();

/** The last second of the month, local 23:59:59: the meaning of "until the end of the month" for members. */
export function endOfMonth(instant: Date, zone: string): Date {
  const key = `${zone} ${monthKey(instant, zone)}`;
  let end = monthEnds.get(key);
  if (end === undefined) {
    if (monthEnds.size >= REMEMBERED) monthEnds.clear();
    end = DateTime.fromJSDate(instant, { zone }).endOf('month').startOf('second').toMillis();
    monthEnds.set(key, end);
  }
  return new Date(end);
}

/** The last second of the day, local 23:59:59. */
export function endOfDay(instant: Date, zone: string): Date {
  return DateTime.fromJSDate(instant, { zone }).endOf('day').startOf('second').toJSDate();
}
