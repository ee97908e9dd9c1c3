import { addDays, dayKey, monthBounds } from '#libs/kernel';
import type { LadderTerms, Window } from '../ladders/ladder.js';

/** Days `[from, to)` of the alliance's zone, such as `2026-03-02`; the texts sort like the days. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

export interface Review<L extends LadderTerms = LadderTerms> {
  readonly ladder: L;
  readonly endDay: string;
  /** Milliseconds: the end of the period, and the end of its grace days. */
  readonly end: number;
  readonly at: number;
}

function monthOf(day: string): number {
  return Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1;
}

function firstDay(month: number): string {
  return `${String(Math.floor(month / 12)).padStart(4, '0')}-${String((month % 12) + 1).padStart(2, '0')}-01`;
}

/** Days that count on a given day: from the start of the window to the end of the day's period. */
export function windowOf(window: Window, day: string): DayRange {
  const end = periodEnd(window, day);
  return { from: firstDay(monthOf(end) - (window.kind === 'calendar_year' ? 12 : window.months)), to: end };
}

/** First day after the period of a day. Calendar years end at the new year, rolling windows every month. */
export function periodEnd(window: Window, day: string): string {
  return window.kind === 'calendar_year'
    ? `${String(Number(day.slice(0, 4)) + 1).padStart(4, '0')}-01-01`
    : firstDay(monthOf(day) + 1);
}

export function windowEnding(window: Window, endDay: string): DayRange {
  return { from: firstDay(monthOf(endDay) - (window.kind === 'calendar_year' ? 12 : window.months)), to: endDay };
}

export function monthsBefore(day: string, months: number): string {
  return firstDay(monthOf(day) - months);
}

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const MOST_KEPT = 50_000;
const days = new Map<string, Map<number, string>>();

/** The day of an instant. Zones change days at quarters of an hour, so one answer is valid for a whole quarter. */
export function dayOf(at: number, zone: string): string {
  let known = days.get(zone);
  if (known === undefined) days.set(zone, (known = new Map<number, string>()));
  const quarter = Math.floor(at / QUARTER_MS);
  let day = known.get(quarter);
  if (day === undefined) {
    day = dayKey(new Date(at), zone);
    if (known.size >= MOST_KEPT) known.clear();
    known.set(quarter, day);
  }
  return day;
}

const starts = new Map<string, Date>();

/** First instant of a day that begins a month, or of the day `later` days after it. */
function startOf(day: string, zone: string, later = 0): Date {
  const key = `${day} ${later} ${zone}`;
  let start = starts.get(key);
  if (start === undefined) {
    start = monthBounds(day.slice(0, 7), zone).from;
    if (later > 0) start = addDays(start, later, zone);
    if (starts.size > 5_000) starts.clear();
    starts.set(key, start);
  }
  return start;
}

/** The next judgement after an instant. A period is judged by the ladder in force at its end. */
export function nextReview<L extends LadderTerms>(
  ladders: readonly L[],
  after: number,
  zone: string,
): Review<L> | null {
  let next: Review<L> | null = null;
  for (const ladder of ladders) {
    const review = nextOf(ladder, after, zone);
    if (review !== null && (next === null || review.at < next.at)) next = review;
  }
  return next;
}

function nextOf<L extends LadderTerms>(ladder: L, after: number, zone: string): Review<L> | null {
  const last = ladder.validTo?.getTime() ?? Infinity;
  // an earlier period may still be in its grace days
  const from = Math.max(ladder.validFrom.getTime(), after - (ladder.graceDays + 2) * DAY_MS);
  for (let day = periodEnd(ladder.window, dayOf(from, zone)); ; day = periodEnd(ladder.window, day)) {
    const start = startOf(day, zone);
    if (start.getTime() > last) return null;
    const at = startOf(day, zone, ladder.graceDays).getTime();
    if (at > after) return { ladder, endDay: day, end: start.getTime(), at };
  }
}
