import type { Order, OrderLine } from '../replay/orders.js';
import { brandSpec, pointsOf } from './alliance.js';

const DAY = 86_400_000;
const WEEK = 7 * DAY;
/** Asia/Shanghai has had no summer time since 1991, so its days are plain arithmetic. */
const ZONE = 8 * 3_600_000;

/** Use of points at a till before the order itself is sent. */
export interface Redemption {
  points: number;
  /** Number of points captured in the end; 0 means the hold is voided. */
  captured: number;
}

export interface Visit {
  kind: 'visit';
  household: string;
  at: Date;
  order: Order;
  externalId: string;
  points: number;
  redemption: Redemption | null;
}

/** Return of goods the day after: one whole line. */
export interface GoodsReturn {
  kind: 'return';
  household: string;
  at: Date;
  visit: Visit;
  line: OrderLine;
  points: number;
}

/** Points spent on the order that are given back the day after. */
export interface PointsReturn {
  kind: 'give-back';
  household: string;
  at: Date;
  visit: Visit;
  points: number;
}

export type Step = Visit | GoodsReturn | PointsReturn;

export interface Day {
  /** `2026-10-03`, in the alliance's zone. */
  date: string;
  /** Time of the clock while the day's steps are sent: the day's last second. */
  clock: Date;
  steps: Step[];
}

export function dayOf(at: Date): string {
  return new Date(at.getTime() + ZONE).toISOString().slice(0, 10);
}

function lastSecondOf(date: string): Date {
  return new Date(Date.parse(`${date}T00:00:00Z`) - ZONE + DAY - 1_000);
}

/** Whole weeks that move the last order into the week before `today`, so that weekdays stay the same. */
export function weeksToShift(orders: readonly Order[], today: Date): number {
  const last = orders.reduce((latest, order) => (order.placedAt > latest ? order.placedAt : latest), '');
  const end = lastSecondOf(dayOf(new Date(last))).getTime();
  // One more day, for the returns of the last day.
  return Math.floor((today.getTime() - end - DAY) / WEEK);
}

/** A number that depends only on the text (FNV-1a): the story is the same on every machine and in every run. */
export function chance(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/**
 * The orders as days of visits, with added redemptions at other brands, partial captures, voids and returns. Each member's points are
 * computed here from the file alone, never from answers, so that a repeat after a crash sends exactly the same bodies.
 */
export function tellStory(orders: readonly Order[], weeks: number, prefix = 'S-'): Day[] {
  const shift = weeks * WEEK;
  const balances = new Map<string, number>();
  const days = new Map<string, Step[]>();
  const later: Step[] = [];
  const book = (step: Step): void => {
    const date = dayOf(step.at);
    const steps = days.get(date);
    if (steps === undefined) days.set(date, [step]);
    else steps.push(step);
  };
  const settleUntil = (until: number): void => {
    while (later[0] !== undefined && later[0].at.getTime() <= until) {
      const step = later.shift() as GoodsReturn | PointsReturn;
      const change = step.kind === 'return' ? -step.points : step.points;
      balances.set(step.household, (balances.get(step.household) ?? 0) + change);
      book(step);
    }
  };
  const sorted = [...orders].sort((a, b) => (a.placedAt < b.placedAt ? -1 : a.placedAt > b.placedAt ? 1 : 0));
  for (const order of sorted) {
    const at = new Date(Date.parse(order.placedAt) + shift);
    settleUntil(at.getTime());
    const balance = balances.get(order.household) ?? 0;
    const visit: Visit = {
      kind: 'visit',
      household: order.household,
      at,
      order,
      externalId: `${prefix}${order.id}`,
      points: pointsOf(brandSpec(order.brand), order.lines),
      redemption: redemptionOf(order, balance),
    };
    book(visit);
    balances.set(order.household, balance + visit.points - (visit.redemption?.captured ?? 0));
    const followUp = followUpOf(visit);
    if (followUp !== null) later.push(followUp);
  }
  settleUntil(Number.POSITIVE_INFINITY);
  return [...days.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([date, steps]) => ({ date, clock: lastSecondOf(date), steps }));
}

/** Every sixth visit of a member with at least five points pays with some of them. */
function redemptionOf(order: Order, balance: number): Redemption | null {
  if (balance < 5 || chance(`spend ${order.id}`) % 6 !== 0) return null;
  const points = balance - (chance(`keep ${order.id}`) % 3);
  const kind = chance(`kind ${order.id}`) % 12;
  if (kind === 0) return { points, captured: 0 };
  if (kind === 1) return { points, captured: Math.max(1, Math.floor(points / 2)) };
  return { points, captured: points };
}

/** One order in forty returns a line the next day; one capture in ten gives a third of its points back. */
function followUpOf(visit: Visit): GoodsReturn | PointsReturn | null {
  const at = new Date(visit.at.getTime() + DAY);
  const { order, household, redemption } = visit;
  const third = Math.floor((redemption?.captured ?? 0) / 3);
  if (third > 0 && chance(`give back ${order.id}`) % 10 === 0)
    return { kind: 'give-back', household, at, visit, points: third };
  const line = order.lines[0];
  if (line === undefined || line.quantity < 1 || chance(`return ${order.id}`) % 40 !== 0) return null;
  const left = pointsOf(brandSpec(order.brand), order.lines.slice(1));
  return { kind: 'return', household, at, visit, line, points: visit.points - left };
}
